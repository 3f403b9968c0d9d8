// Step 2: the Rust addon, native/dist/basalt.<platform>-<arch>-<libc>.node (the naming of napi-rs).
// Cargo is called without --target, as `cargo test` is: one compilation of the dependencies serves both.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { addonDir, cargoLocked, cargoTargetDir, nativeDir, root } from './paths.mjs';
import { formatElapsed } from './progress.mjs';
import { runCargo, SetupError } from './run.mjs';
import { dropStamp, hashInputs, listFiles, readStamp, writeStamp } from './stamp.mjs';

/** The addon's file name for this Node. */
export function addonName() {
  const { glibcVersionRuntime } = process.report.getReport().header;
  const libc = process.platform === 'linux' ? (glibcVersionRuntime ? '-gnu' : '-musl') : '';
  return `basalt.${process.platform}-${process.arch}${libc}.node`;
}

/** Hash of everything the addon is made from: sources, manifests, the lock file, the compiler and its flags. */
export function nativeInputsHash() {
  const isInput = (name) => name.endsWith('.rs') || name.endsWith('.toml') || name === 'Cargo.lock';
  const files = listFiles(nativeDir, isInput, ['target', 'dist', 'tests', 'benches', 'fuzz']);
  const compiler = execFileSync('rustc', ['--version', '--verbose'], { encoding: 'utf8' });
  return hashInputs(root, files, [
    compiler,
    process.env.RUSTFLAGS ?? '',
    process.env.CARGO_BUILD_TARGET ?? '',
  ]);
}

/** Whether DataFusion, nearly all of the compile time, was never compiled in this target directory. */
function isCold(targetDir) {
  const fingerprints = join(targetDir, 'release', '.fingerprint');
  return (
    !existsSync(fingerprints) || !readdirSync(fingerprints).some((name) => name.startsWith('datafusion-'))
  );
}

/** The shared library a line of `cargo --message-format json` reports for the binding crate, or undefined. */
export function libraryOf(line) {
  if (!line.startsWith('{')) return undefined;
  const message = JSON.parse(line);
  if (message.reason !== 'compiler-artifact' || message.target.name !== 'basalt_binding') return undefined;
  return message.filenames.find((file) => /\.(so|dylib|dll)$/.test(file));
}

/** Builds the addon when its inputs changed since the last success. */
export async function buildNative() {
  const addon = join(addonDir, addonName());
  const stamp = join(addonDir, '.stamp');
  const wanted = nativeInputsHash();
  if (existsSync(addon) && readStamp(stamp) === wanted) return;
  const targetDir = cargoTargetDir();
  console.error(
    isCold(targetDir)
      ? `Building the native addon in ${targetDir}: about half an hour on two cores the first time, seconds after that`
      : 'Building the native addon',
  );
  dropStamp(stamp);
  let library;
  const { code, ms } = await runCargo(
    [
      ...['build', '--release', ...cargoLocked, '--package', 'basalt-binding', '--target-dir', targetDir],
      ...['--message-format', 'json-render-diagnostics'],
    ],
    {
      cwd: nativeDir,
      label: 'compiling',
      onStdout(line) {
        library ??= libraryOf(line);
      },
    },
  );
  if (code !== 0 || !library) {
    throw new SetupError(`The native build failed (cargo's exit code ${code}); its messages are above.`);
  }
  mkdirSync(addonDir, { recursive: true });
  // Copied beside and renamed: a running server keeps the mapping of the file it loaded.
  const draft = `${addon}.${process.pid}`;
  copyFileSync(library, draft);
  renameSync(draft, addon);
  writeStamp(stamp, wanted);
  console.error(`Built the native addon in ${formatElapsed(ms)}`);
}
