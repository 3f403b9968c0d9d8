/** Compiles the ring's consumer to JavaScript in a folder of its own, so that a plain worker thread runs today's source. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const sources = join(import.meta.dirname, '..', '..', 'src', 'ring');

/** @returns the module's URL and the folder to remove afterwards */
export function compileConsumer(): { url: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-ring-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  for (const name of ['layout', 'consumer']) {
    const source = readFileSync(join(sources, `${name}.ts`), 'utf8');
    writeFileSync(join(folder, `${name}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
  }
  return { url: pathToFileURL(join(folder, 'consumer.js')).href, folder };
}
