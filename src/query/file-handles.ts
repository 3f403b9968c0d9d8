/**
 * Open descriptors of data files on one query worker: least recently used out first, and out as soon as the file is gone, so that its
 * space is freed. A path is never used for two files, hence a kept descriptor never shows other bytes than its path did.
 */
import { closeSync, openSync } from 'node:fs';
import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { GONE_FILES_CHANNEL } from './query-task.js';

export class FileHandles {
  private readonly fds = new Map<string, number>();
  private readonly gone = new BroadcastChannel(GONE_FILES_CHANNEL);

  constructor(private readonly countMax: number) {
    // Without a listener, what arrives while the event loop turns would be dropped; `sweep` takes what came while it was blocked.
    this.gone.onmessage = (message) => this.close(String((message as { data: unknown }).data));
    this.gone.unref();
  }

  /** Descriptor for reading; stays valid until the next call of `sweep`. */
  open(path: string): number {
    let fd = this.fds.get(path);
    if (fd === undefined) fd = openSync(path, 'r');
    else this.fds.delete(path);
    this.fds.set(path, fd);
    return fd;
  }

  /** Closes what is gone or too much. */
  sweep(): void {
    // Node documents a BroadcastChannel as a fit argument; its type declarations lack it.
    const port = this.gone as unknown as MessagePort;
    for (let message = receiveMessageOnPort(port); message; message = receiveMessageOnPort(port)) {
      this.close(String((message as { message: unknown }).message));
    }
    for (const path of this.fds.keys()) {
      if (this.fds.size <= this.countMax) break;
      this.close(path);
    }
  }

  private close(path: string): void {
    const fd = this.fds.get(path);
    if (fd === undefined) return;
    closeSync(fd);
    this.fds.delete(path);
  }
}
