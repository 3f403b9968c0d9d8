// `npm run check`: everything that judges the sources without running the product. Fails at the end, naming each step that did.
import { join } from 'node:path';
import { cargoLocked, cargoTargetDir, nativeDir, root } from './setup/paths.mjs';
import { runCargo, runInherited } from './setup/run.mjs';
import { runMain, setup } from './setup.mjs';

function nodeTool(path, ...args) {
  return () => runInherited(process.execPath, [join(root, 'node_modules', path), ...args], { cwd: root });
}

const steps = [
  ['biome', nodeTool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings')],
  ['tsc', nodeTool('typescript/bin/tsc', '-p', root, '--noEmit')],
  ['tidy', nodeTool('vitest/vitest.mjs', 'run', 'test/tidy')],
  ['cargo fmt', () => runInherited('cargo', ['fmt', '--all', '--check'], { cwd: nativeDir })],
  [
    'clippy',
    async () => {
      const args = ['clippy', '--release', ...cargoLocked, '--all-targets', '--target-dir', cargoTargetDir()];
      const { code } = await runCargo([...args, '--', '-D', 'warnings'], { cwd: nativeDir, label: 'clippy' });
      return code;
    },
  ],
];

await runMain(async () => {
  await setup();
  const failed = [];
  for (const [name, run] of steps) {
    console.error(`- ${name}`);
    if ((await run()) !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? 'all checks passed' : `failed: ${failed.join(', ')}`);
  return failed.length;
});
