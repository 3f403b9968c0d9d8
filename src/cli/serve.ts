/** `basalt serve`: every configuration key is also a flag. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import {
  CONFIG_KEYS,
  type Config,
  type ConfigKey,
  environmentName,
  loadConfig,
  unusedVariables,
} from '../config/index.js';

type ServeOptions = Partial<Record<ConfigKey, string>> & { config?: string; printConfig?: boolean };

/** `dataDir` as `--data-dir`. */
function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function addServeCommand(program: Command): void {
  const command = program.command('serve').description('run the server until SIGTERM or SIGINT');
  for (const key of CONFIG_KEYS)
    command.option(`${flagName(key)} <value>`, `sets ${key}, as ${environmentName(key)} does`);
  command
    .option('--config <file>', 'configuration file (default: basalt.yaml, where it exists)')
    .option('--print-config', 'print the configuration as it is in effect, and stop')
    .action(async ({ config: file, printConfig, ...flags }: ServeOptions) => {
      const config = loadConfig(flags, process.env, file ?? process.env.BASALT_CONFIG);
      for (const name of unusedVariables(process.env))
        process.stderr.write(`warning: ${name} is no setting of the server and is not used\n`);
      if (printConfig) {
        process.stdout.write(printableConfig(config));
        return;
      }
      // Only the server needs the native addon: the other commands start without loading it.
      const { serve } = await import('../server.js');
      await serve(config);
    });
}

/** As basalt.yaml would have it; the password is not shown. */
export function printableConfig(config: Config): string {
  const shown = config.rootUserPassword === undefined ? config : { ...config, rootUserPassword: '********' };
  return stringify(shown);
}
