/**
 * A file that is there whole or not at all: written beside its place under another name, synced, then renamed. States: open → done
 * | abandoned.
 */
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '../failure.js';

export class PartFile {
  private constructor(
    readonly path: string,
    private readonly partPath: string,
    readonly stream: WriteStream,
  ) {}

  /** Writes over what an earlier try left. @throws CliError */
  static async create(path: string): Promise<PartFile> {
    const partPath = `${path}.part`;
    // Synced when it is closed: the name must not come to a file whose bytes a power cut can still take.
    const stream = createWriteStream(partPath, { flush: true });
    try {
      await once(stream, 'open');
    } catch (error) {
      throw new CliError(`${partPath} cannot be written: ${(error as Error).message}`);
    }
    return new PartFile(path, partPath, stream);
  }

  /** Call once all has been written and the stream is closed. */
  async finish(): Promise<void> {
    await rename(this.partPath, this.path);
    const directory = await open(dirname(this.path));
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async abandon(): Promise<void> {
    this.stream.destroy();
    await rm(this.partPath, { force: true });
  }
}
