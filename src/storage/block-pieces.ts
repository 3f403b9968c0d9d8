/** Blocks of a batch that went to very many streams travel between threads in pieces, so that the main thread takes them in steps. */
import { deserialize, serialize } from 'node:v8';
import type { BatchResult, DurableBlock } from '../ingest/batch-task.js';

/** In one piece: a millisecond's work. */
const BLOCKS_IN_PIECE = 256;

/** @returns the first blocks, and the others in pieces */
export function splitBlocks(blocks: DurableBlock[]): Pick<BatchResult, 'blocks' | 'moreBlocks'> {
  const moreBlocks: Uint8Array[] = [];
  for (let at = BLOCKS_IN_PIECE; at < blocks.length; at += BLOCKS_IN_PIECE)
    moreBlocks.push(new Uint8Array(serialize(blocks.slice(at, at + BLOCKS_IN_PIECE))));
  return { blocks: moreBlocks.length > 0 ? blocks.slice(0, BLOCKS_IN_PIECE) : blocks, moreBlocks };
}

export function unpackBlocks(piece: Uint8Array): DurableBlock[] {
  return deserialize(piece) as DurableBlock[];
}
