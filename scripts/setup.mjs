// Brings a checkout from whatever state it is in to one that runs: node packages, native addon, TypeScript.
// Plain JavaScript with no imports but Node's own, because nothing is installed yet when it starts.
// Each step is skipped when its inputs have not changed; a second run takes well under a second.
import { pathToFileURL } from 'node:url';
import { buildNative } from './setup/native.mjs';
import { installPackages } from './setup/packages.mjs';
import { missingRequirements } from './setup/requirements.mjs';
import { SetupError } from './setup/run.mjs';
import { buildTypeScript } from './setup/typescript.mjs';

export async function setup() {
  const problems = missingRequirements();
  if (problems.length > 0) throw new SetupError(problems.join('\n'));
  await installPackages();
  await buildNative();
  await buildTypeScript();
}

/** Runs `main`, turning a SetupError into its plain message and any error into exit code 1. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(setup);
