/** Ingest worker: one task drains the ring once, or takes one slot. */
import { threadId } from 'node:worker_threads';
import { workerData } from 'piscina';
import { BatchDrainer } from '../src/ingest/batch.js';
import type { BatchResult, IngestWorkerData } from '../src/ingest/batch-task.js';
import { reply } from '../src/protocols/ingest-reply.js';
import { splitBlocks } from '../src/storage/block-pieces.js';

const drainer = new BatchDrainer(workerData as IngestWorkerData, threadId);

export default function drain(slot?: number): BatchResult | undefined {
  const result = drainer.drain(slot);
  if (!result) return undefined;
  const { outcomes, blocks, ...rest } = result;
  const tookMs = rest.encodeMs + rest.syncMs;
  return {
    ...rest,
    ...splitBlocks(blocks),
    replies: outcomes.map((outcome) => ({
      ...reply(outcome, tookMs),
      expandedBytes: outcome.expandedBytes,
    })),
    records: outcomes.reduce((sum, outcome) => sum + outcome.successful, 0),
    failedRecords: outcomes.reduce((sum, outcome) => sum + outcome.failed, 0),
    ...(blocks.length > 0
      ? {
          walFile: drainer.wal.fileName,
          walEpoch: drainer.wal.fileEpoch,
          openedWalFile: drainer.wal.takeOpened(),
          walBytes: drainer.wal.fileBytes,
        }
      : {}),
  };
}
