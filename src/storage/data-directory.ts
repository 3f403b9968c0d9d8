/**
 * The data directory as a start finds it: everything Basalt uses there is of the right kind, can be read and written, and is for its owner
 * alone. What is not is told in one line with its path and the way out, before anything is opened: a named pipe would be waited for.
 */
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { FatalError } from '../errors/index.js';
import {
  CATALOG_SUFFIXES,
  type DataLayout,
  JOURNAL_SUFFIX,
  SEGMENT_SUFFIX,
  TEMPORARY_SUFFIX,
  WAL_SUFFIX,
} from './layout.js';
import { DRAFT_SUFFIX, SPARE_SUFFIX } from './wal-spares.js';

const OWNER_DIRECTORY = 0o700;
const OWNER_FILE = 0o600;
const OTHERS = 0o077;
const STICKY = 0o1000;

/** Makes what is missing, tightens what is open to others. @throws FatalError naming the path and the remedy */
export function prepareDataDirectory(layout: DataLayout): void {
  useDirectory(layout.root);
  const { root, catalog, rootPassword, lock, deletions, reserve } = layout;
  const catalogFiles = CATALOG_SUFFIXES.map((suffix) => catalog + suffix);
  const files = new Set([...catalogFiles, rootPassword, lock, deletions, reserve]);
  visitFiles(root, (path) => files.has(path));
  const folders: [string, string[]][] = [
    [layout.wal, [WAL_SUFFIX, SPARE_SUFFIX, DRAFT_SUFFIX]],
    [layout.journal, [JOURNAL_SUFFIX]],
    [layout.segments, [SEGMENT_SUFFIX, TEMPORARY_SUFFIX]],
    [layout.quarantine, []],
    [layout.spill, []],
    [layout.cache, []],
  ];
  for (const [folder, suffixes] of folders) {
    useDirectory(folder);
    visitFiles(folder, (path) => suffixes.some((suffix) => path.endsWith(suffix)));
  }
}

function useDirectory(path: string): void {
  const found = look(path);
  if (!found) {
    attempt(path, () => mkdirSync(path, { recursive: true, mode: OWNER_DIRECTORY }));
    return;
  }
  if (!found.isDirectory()) throw wrongKind(path, found, 'a directory');
  if (found.mode & STICKY)
    throw new FatalError(
      `${path} is shared by all users of this host: choose a directory of its own as dataDir.`,
    );
  if (found.mode & OTHERS) attempt(path, () => chmodSync(path, OWNER_DIRECTORY));
  attempt(path, () => accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK));
}

/** Those that are `needed` must be regular files that can be used; whatever lies beside them is only tightened where it is one. */
function visitFiles(directory: string, needed: (path: string) => boolean): void {
  for (const name of attempt(directory, () => readdirSync(directory))) {
    const path = join(directory, name);
    if (needed(path)) {
      const found = look(path);
      if (!found) continue;
      if (!found.isFile()) throw wrongKind(path, found, 'a regular file');
      if (found.mode & OTHERS) attempt(path, () => chmodSync(path, OWNER_FILE));
      attempt(path, () => accessSync(path, constants.R_OK | constants.W_OK));
      continue;
    }
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isFile() && found.mode & OTHERS) attempt(path, () => chmodSync(path, OWNER_FILE));
  }
}

/** What is there, through symbolic links; undefined: nothing. */
function look(path: string): Stats | undefined {
  const found = attempt(path, () => statSync(path, { throwIfNoEntry: false }));
  if (!found && lstatSync(path, { throwIfNoEntry: false }))
    throw new FatalError(
      `${path} is a symbolic link that leads nowhere. Remove it, or mend what it leads to, and start again.`,
    );
  return found;
}

function wrongKind(path: string, found: Stats, wanted: string): FatalError {
  return new FatalError(
    `${path} is ${kindOf(found)}, but ${wanted} is needed there. Move it away and start again.`,
  );
}

function kindOf(found: Stats): string {
  if (found.isFile()) return 'a regular file';
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a named pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

const REMEDIES: Record<string, string> = {
  EACCES:
    'Give it to the user that runs the server (chown), with the right to read and write (chmod u+rw, directories u+rwx).',
  EPERM:
    'Give it to the user that runs the server (chown): only its owner may take the rights of others away.',
  EROFS: 'The file system is mounted read-only: mount it for writing, or choose another dataDir.',
  ELOOP: 'It is a loop of symbolic links: remove it and start again.',
  ENOTDIR: 'A part of the path is no directory: move that away, or choose another dataDir.',
  EEXIST: 'Something that is no directory stands there: move it away and start again.',
  ENOSPC: 'The disk is full: make room and start again.',
  EDQUOT: 'The quota of disk space is used up: make room and start again.',
  ENAMETOOLONG: 'The path is too long: choose a shorter dataDir.',
};

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    throw new FatalError(
      `${path} cannot be used (${code}). ${REMEDIES[code] ?? 'Look at the path and the disk, and start again.'}`,
      {
        cause,
      },
    );
  }
}
