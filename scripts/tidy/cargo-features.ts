/**
 * The addon and the Rust tests must resolve every shared crate with the same features: cargo compiles a crate once per feature set, and
 * all that depends on it with it, so one stray feature of a development dependency compiles DataFusion a second time.
 */
import { execFileSync } from 'node:child_process';

const TREE = ['tree', '--offline', '--prefix', 'none', '--format', '{p}|{f}', '--edges'];

/** Feature sets by `name version`, from the lines of `cargo tree --format "{p}|{f}"`. */
export function featureSets(lines: string[]): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>();
  for (const line of lines) {
    const [crate = '', features = ''] = line.replace(/ \(\*\)$/, '').split('|');
    // Without the path of a workspace member.
    const name = crate.split(' ').slice(0, 2).join(' ');
    if (name === '') continue;
    const known = sets.get(name) ?? new Set();
    sets.set(name, known.add(features));
  }
  return sets;
}

/** Crates of both trees whose feature sets differ, with both, as sentences. */
export function compareFeatures(addon: Map<string, Set<string>>, tests: Map<string, Set<string>>): string[] {
  const show = (sets: Set<string>) => [...sets].map((features) => `[${features}]`).join(' and ');
  return [...addon].flatMap(([crate, inAddon]) => {
    const inTests = tests.get(crate);
    if (!inTests || (inTests.size === inAddon.size && [...inAddon].every((set) => inTests.has(set))))
      return [];
    return [`${crate} is compiled with ${show(inAddon)} for the addon, with ${show(inTests)} for the tests`];
  });
}

/** Runs cargo in the workspace; both trees as `npm test` builds them. */
export function readFeatureSets(nativeFolder: string): {
  addon: Map<string, Set<string>>;
  tests: Map<string, Set<string>>;
} {
  const tree = (...args: string[]) =>
    featureSets(
      execFileSync('cargo', [...TREE, ...args], {
        cwd: nativeFolder,
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      }).split('\n'),
    );
  return {
    addon: tree('normal,build', '--package', 'basalt-binding'),
    tests: tree('normal,build,dev', '--workspace', '--exclude', 'basalt-binding'),
  };
}
