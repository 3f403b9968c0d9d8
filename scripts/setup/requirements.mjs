// What the machine must have before anything can be built, and the words for what is missing.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NODE_MIN = [20, 19];
const RUST_MIN = [1, 94];

const INSTALL_NODE =
  'Install Node.js 20.19 or newer (20 LTS is what is tested): https://nodejs.org/en/download, or on Debian\n' +
  '    curl -fsSL https://deb.nodesource.com/setup_20.x | sudo bash - && sudo apt-get install -y nodejs';
const INSTALL_RUST =
  'Install Rust 1.94 or newer with rustup (https://rustup.rs):\n' +
  "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh\n" +
  'or bring an older rustup toolchain up to date with `rustup update stable`. Then open a new shell.';
const INSTALL_TOOLCHAIN = 'On Debian: sudo apt-get install -y build-essential python3';

function outputOf(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** First `major.minor` in a version text, e.g. `rustc 1.95.0 (…)` gives [1, 95]; undefined when there is none. */
export function majorMinor(text) {
  const match = /(\d+)\.(\d+)/.exec(text ?? '');
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** Whether `version` ([major, minor]) is `minimum` or newer. */
export function isAtLeast(version, minimum) {
  return version[0] > minimum[0] || (version[0] === minimum[0] && version[1] >= minimum[1]);
}

function checkVersion(tool, text, minimum, advice) {
  const version = majorMinor(text);
  if (!version) return [`${tool} was not found. ${advice}`];
  if (isAtLeast(version, minimum)) return [];
  return [`${tool} is ${version.join('.')}, but ${minimum.join('.')} or newer is needed. ${advice}`];
}

/**
 * Problems that keep set-up from working, as sentences with what to install; empty when there are none.
 * `probe(command, args)` answers a tool's output or undefined when it cannot run.
 */
export function missingRequirements(nodeVersion = process.versions.node, probe = outputOf) {
  const problems = checkVersion('Node.js', nodeVersion, NODE_MIN, INSTALL_NODE);
  const rust = checkVersion('Rust (rustc)', probe('rustc', ['--version']), RUST_MIN, INSTALL_RUST);
  problems.push(...rust);
  if (rust.length === 0) {
    problems.push(...checkVersion('Rust (cargo)', probe('cargo', ['--version']), RUST_MIN, INSTALL_RUST));
  }
  const tools = [
    ['cc', 'A C compiler (cc)'],
    ['c++', 'A C++ compiler (c++)'],
    ['make', 'make'],
    ['python3', 'Python 3 (node-gyp needs it)'],
  ];
  const absent = tools.filter(([command]) => probe(command, ['--version']) === undefined);
  if (absent.length > 0) {
    problems.push(`${absent.map(([, name]) => name).join(', ')} not found. ${INSTALL_TOOLCHAIN}`);
  }
  return problems;
}

/** The Node installation whose C++ headers node-gyp can use without a download, or undefined. */
export function nodeHeadersPrefix(execPath = process.execPath) {
  const prefix = dirname(dirname(execPath));
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? prefix : undefined;
}
