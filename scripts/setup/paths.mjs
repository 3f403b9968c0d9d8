// Where set-up finds its inputs and puts its outputs.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package root: the folder of package.json. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The Cargo workspace. */
export const nativeDir = join(root, 'native');

/** Folder of the built addon and its stamp. */
export const addonDir = join(nativeDir, 'dist');

/** A build server must not resolve anew: there a Cargo.lock that does not fit the manifests is an error. */
export const cargoLocked = process.env.CI ? ['--locked'] : [];

/** Cargo's target directory: kept out of the checkout when a cache directory is named, so that a fresh clone reuses it. */
export function cargoTargetDir(env = process.env) {
  if (env.CARGO_TARGET_DIR) return env.CARGO_TARGET_DIR;
  if (env.BASALT_CACHE_DIR) return join(env.BASALT_CACHE_DIR, 'native-target');
  return join(nativeDir, 'target');
}
