// Step 1: node packages, exactly as package-lock.json names them.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { formatElapsed } from './progress.mjs';
import { nodeHeadersPrefix } from './requirements.mjs';
import { runInherited, SetupError } from './run.mjs';
import { hashInputs, readStamp, writeStamp } from './stamp.mjs';

const lockFile = join(root, 'package-lock.json');
const modules = join(root, 'node_modules');
const stamp = join(modules, '.basalt-stamp');

/** Native packages are compiled for one of these. */
const abi = `${process.platform}-${process.arch}-node-abi-${process.versions.modules}`;

function modifiedMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** Installed by hand: npm's own mark, written at the end of every install, is newer than the lock file. */
function isInstalledByHand() {
  const installedAt = modifiedMs(join(modules, '.package-lock.json'));
  return installedAt !== undefined && installedAt >= modifiedMs(lockFile);
}

/**
 * Installs when node_modules is missing, or was installed from another package-lock.json or for another Node.
 * `npm install --no-save` follows the lock file to the letter and leaves it alone, as `npm ci` does; unlike `npm ci` it also
 * works with a registry mirror that lacks optional packages of other platforms.
 */
export async function installPackages() {
  const wanted = `${hashInputs(root, [lockFile])} ${abi}`;
  const found = readStamp(stamp);
  if (found === wanted) return;
  if (found === undefined && isInstalledByHand()) {
    writeStamp(stamp, wanted);
    return;
  }
  console.error('Installing node packages (two of them compile C++: one to three minutes)');
  const startedAt = Date.now();
  // What was compiled for another Node is not compiled again by npm unless it is gone.
  if (found !== undefined && !found.endsWith(` ${abi}`)) rmSync(modules, { recursive: true, force: true });
  // Native packages are compiled here from their registry tarballs: no prebuilt binary is downloaded from anywhere else.
  const env = { ...process.env, npm_config_build_from_source: 'true', npm_config_loglevel: 'error' };
  const headers = nodeHeadersPrefix();
  if (headers) env.npm_config_nodedir = headers;
  const code = await runInherited('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    cwd: root,
    env,
  });
  if (code !== 0) {
    const cause = headers
      ? ''
      : ` Node's C++ headers are not next to ${process.execPath}: node-gyp downloads them.`;
    throw new SetupError(
      `npm install failed (its messages are above). It needs the npm registry and a C++ compiler.${cause}`,
    );
  }
  writeStamp(stamp, wanted);
  console.error(`Installed node packages in ${formatElapsed(Date.now() - startedAt)}`);
}
