/** Recovery worker: one task reads one WAL file. Lives only while the server starts. */
import { readWalFile, type WalContents } from '../src/storage/recovery.js';

export default function recover(path: string): WalContents {
  return readWalFile(path);
}
