import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compareFeatures, featureSets, readFeatureSets } from '../scripts/tidy/cargo-features.js';
import { ALLOWED_IMPORTS, checkImports, findCycle } from '../scripts/tidy/dependencies.js';
import { checkDocPaths, looksLikeRepoPath } from '../scripts/tidy/doc-paths.js';
import { describeFinding, type Finding, readSources, type SourceFile } from '../scripts/tidy/files.js';
import {
  checkFileSize,
  checkLeftovers,
  checkLineWidth,
  checkName,
  checkUnsafe,
  FILE_LINES_MAX,
  LINE_COLUMNS_MAX,
} from '../scripts/tidy/text-rules.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = readSources(root);

function inProject(rule: (file: SourceFile) => Finding[]): string[] {
  return sources.flatMap(rule).map(describeFinding);
}

function file(path: string, text = ''): SourceFile {
  return { path, text };
}

function linesOf(findings: Finding[]): (number | undefined)[] {
  return findings.map(({ line }) => line);
}

describe('the project', () => {
  test('is seen by the rules', () => {
    const paths = sources.map(({ path }) => path);
    for (const known of [
      'src/config/index.ts',
      'native/block/src/lib.rs',
      'README.md',
      'test/tidy.test.ts',
    ]) {
      expect(paths).toContain(known);
    }
    expect(paths.some((path) => /node_modules|(^|\/)(dist|target)\//.test(path))).toBe(false);
  });

  test('imports only along the dependency rule', () => {
    expect(inProject(checkImports)).toEqual([]);
    expect(findCycle()).toBeUndefined();
  });

  test('has no file over the ceiling and no line over the width', () => {
    expect(inProject(checkFileSize)).toEqual([]);
    expect(inProject(checkLineWidth)).toEqual([]);
  });

  test('has no leftovers and no empty names', () => {
    expect(inProject(checkLeftovers)).toEqual([]);
    expect(inProject(checkName)).toEqual([]);
  });

  test('gives a reason for all unsafe code', () => {
    expect(inProject(checkUnsafe)).toEqual([]);
  });

  test('compiles every crate once for the addon and the Rust tests', () => {
    const { addon, tests } = readFeatureSets(join(root, 'native'));
    expect([...addon.keys()].filter((crate) => crate.startsWith('datafusion '))).toHaveLength(1);
    expect(compareFeatures(addon, tests)).toEqual([]);
  });

  test('names only paths that exist in its documents', () => {
    expect(inProject((source) => checkDocPaths(source, (path) => existsSync(join(root, path))))).toEqual([]);
  });
});

describe('the rules can fail', () => {
  test('imports against the layers', () => {
    const text = [
      "import { a } from '../http/router.js';",
      "import { b } from '../native/index.js';",
      "import type { T } from '../ingest/batch-task.js';",
      "import { v } from '../ingest/batch-task.js';",
      "import type { U } from '../ingest/batch.js';",
      "import {\n  c,\n} from '../query/leaf.js';",
      "const d = await import('../cli/main.js');",
      "export { e } from '../http/auth.js';",
      "import '../server.js';",
      "import { f } from './layout.js';",
      "import { g } from 'node:fs';",
    ].join('\n');
    expect(linesOf(checkImports(file('src/storage/store.ts', text)))).toEqual([1, 4, 5, 6, 9, 10, 11]);
    expect(checkImports(file('src/unheard-of/index.ts'))[0]?.message).toContain('no rule');
    expect(checkImports(file('workers/query.ts', "import { x } from '../src/http/router.js';"))).toHaveLength(
      1,
    );
    expect(checkImports(file('workers/query.ts', "import { x } from '../src/native/index.js';"))).toEqual([]);
    expect(checkImports(file('src/server.ts', "import { x } from './http/router.js';"))).toEqual([]);
  });

  test('the addon loaded elsewhere', () => {
    const text = "createRequire(import.meta.url)('../../native/dist/x');";
    expect(checkImports(file('src/query/leaf.ts', text))).toHaveLength(1);
    expect(checkImports(file('src/native/index.ts', text))).toEqual([]);
  });

  test('a rule with a cycle', () => {
    expect(findCycle({ a: ['b'], b: ['c'], c: ['b'] })).toBe('b → c → b');
    expect(findCycle({ ...ALLOWED_IMPORTS, errors: ['http'] })).toBeDefined();
  });

  test('size and width', () => {
    const long = 'x\n'.repeat(FILE_LINES_MAX + 1);
    expect(checkFileSize(file('src/a.ts', long))).toHaveLength(1);
    expect(checkFileSize(file('src/a.ts', 'x\n'.repeat(FILE_LINES_MAX)))).toEqual([]);
    expect(checkFileSize(file('test/a.test.ts', long))).toEqual([]);
    expect(checkFileSize(file('native/a/src/b/tests.rs', long))).toEqual([]);
    expect(
      checkFileSize(file('native/a/src/b.rs', `fn f() {}\n#[cfg(test)]\nmod tests {\n${long}}\n`)),
    ).toEqual([]);
    expect(checkFileSize(file('native/a/src/b.rs', `${long}#[cfg(test)]\nmod tests {}\n`))).toHaveLength(1);
    const wide = `ok\n${'é'.repeat(LINE_COLUMNS_MAX)}\n${'é'.repeat(LINE_COLUMNS_MAX + 1)}`;
    expect(linesOf(checkLineWidth(file('src/a.ts', wide)))).toEqual([3]);
    expect(checkLineWidth(file('README.md', wide))).toEqual([]);
  });

  test('leftovers and names', () => {
    const text = ['fine', `// TO${'DO'}: later`, `FIX${'ME'}`, `XX${'X'}`, `a${'TO'}DOb`].join('\n');
    expect(linesOf(checkLeftovers(file('docs/a.md', text)))).toEqual([2, 3, 4]);
    for (const bad of [
      'src/utils/a.ts',
      'src/http/helpers.ts',
      'native/a/tests/common/mod.rs',
      'bench/Misc.ts',
    ]) {
      expect(checkName(file(bad)), bad).toHaveLength(1);
    }
    expect(checkName(file('src/query/common-prefix.ts'))).toEqual([]);
  });

  test('unsafe without a reason', () => {
    const bare = 'fn f() {\n    let a = 1;\n    unsafe { g() }\n}';
    expect(linesOf(checkUnsafe(file('native/a/src/b.rs', bare)))).toEqual([3]);
    const far = `// SAFETY: far away\n${'let x = 1;\n'.repeat(4)}unsafe { g() }`;
    expect(checkUnsafe(file('native/a/src/b.rs', far))).toHaveLength(1);
    const reasons = [
      '// SAFETY: checked\nunsafe { g() }',
      `// SAFETY: a long story\n${'// and on\n'.repeat(6)}#[inline]\nunsafe { g() }`,
      '/// Does.\n///\n/// # Safety\n/// `p` must be valid.\n#[target_feature(enable = "avx2")]\npub unsafe fn f(p: *const u8) {}',
      '#![deny(unsafe_op_in_unsafe_fn)]\nlet s = "unsafe"; // unsafe here',
    ];
    for (const text of reasons) expect(checkUnsafe(file('native/a/src/b.rs', text)), text).toEqual([]);
  });

  test('crates with two feature sets', () => {
    const addon = featureSets(['a v1.0.0|std', 'b v1.0.0 (/work/b)|', 'c v2.0.0|x', 'c v2.0.0|x (*)', '']);
    expect(compareFeatures(addon, featureSets(['a v1.0.0|std (*)', 'c v2.0.0|x', 'd v1.0.0|y']))).toEqual([]);
    expect(compareFeatures(addon, featureSets(['a v1.0.0|alloc,std', 'c v2.0.0|x', 'c v2.0.0|y']))).toEqual([
      'a v1.0.0 is compiled with [std] for the addon, with [alloc,std] for the tests',
      'c v2.0.0 is compiled with [x] for the addon, with [x] and [y] for the tests',
    ]);
  });

  test('paths in documents', () => {
    const exists = (path: string) => ['src/config', 'docs/FORMAT.md', 'README.md'].includes(path);
    const text = [
      'See `src/config/` and `src/gone.ts`, `npm start`, `native/dist/x.node`, `src/*.ts`, `/api/x`.',
      '[format](docs/FORMAT.md#blocks) [absent](docs/ABSENT.md) [web](https://example.com/x) [here](#part)',
    ].join('\n');
    expect(checkDocPaths(file('README.md', text), exists).map(describeFinding)).toEqual([
      'README.md:1: names src/gone.ts, which does not exist',
      'README.md:2: names docs/ABSENT.md, which does not exist',
    ]);
    expect(checkDocPaths(file('docs/A.md', '[up](../README.md) [bad](README.md)'), exists)).toHaveLength(1);
    expect(looksLikeRepoPath('package.json')).toBe(true);
    expect(looksLikeRepoPath('basalt.yaml')).toBe(false);
  });
});
