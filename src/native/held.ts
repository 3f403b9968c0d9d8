/** Bytes that may have stayed in the addon (decision 12). Any thread; those who know the number own the bytes. */
import { type Bytes, copyHeld, freeHeld, type Ipc } from './index.js';

/** The bytes of an answer; held ones go from the addon into shared memory, so that handing them on copies nothing. */
export function answerBytes(ipc: Ipc): Uint8Array {
  if (ipc instanceof Uint8Array) return ipc;
  const bytes = new Uint8Array(new SharedArrayBuffer(ipc.length));
  copyHeld(ipc.held, 0, bytes);
  freeHeld([ipc.held]);
  return bytes;
}

/** The bytes one part after the other; parts of what is held, which stays so, lie in `buffer` until the next one is asked for. */
export function* bytesByPart(bytes: Bytes, buffer: Uint8Array): Generator<Uint8Array, void, undefined> {
  if (bytes instanceof Uint8Array) {
    yield bytes;
    return;
  }
  for (let offset = 0; offset < bytes.length; offset += buffer.length) {
    const part = buffer.subarray(0, Math.min(buffer.length, bytes.length - offset));
    copyHeld(bytes.held, offset, part);
    yield part;
  }
}
