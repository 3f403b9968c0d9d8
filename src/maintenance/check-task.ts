/** The messages between a check and its workers. */
import type { Finding } from '../native/index.js';
import type { Damage } from '../storage/recovery.js';
import type { FoundBlock } from '../storage/wal-replay.js';
import type { SegmentFacts } from './segment-facts.js';

export type FileKind = 'segment' | 'wal';

export interface CheckTask {
  kind: FileKind;
  path: string;
}

export type CheckResult =
  /** The file is not there any more. */
  | { state: 'gone' }
  /** It cannot be read, or another version wrote it. */
  | { state: 'unreadable'; bytes: number; error: string }
  | {
      state: 'segment';
      bytes: number;
      findings: Finding[];
      groupRows: number[];
      groupTimes: [number, number][];
      /** Absent when the end of the file is damaged. */
      facts?: SegmentFacts;
    }
  | {
      state: 'wal';
      bytes: number;
      frames: number;
      rows: number;
      /** With good frames behind it, or all of the file. */
      damage: Damage[];
      /** What stands for its frames, whole ones alone. */
      found: FoundBlock[];
      /** The unacknowledged end of a batch: no damage. */
      tornBytes: number;
    };
