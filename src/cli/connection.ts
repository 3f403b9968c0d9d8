/** Where the server is and who asks: the options that `ingest` and `query` share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type Config, loadConfig } from '../config/index.js';
import { CliError } from './failure.js';

export interface ConnectionOptions {
  org: string;
  url?: string;
  user?: string;
  password?: string;
}

export interface Connection {
  /** Without a trailing slash. */
  url: string;
  organization: string;
  /** Value of the Authorization header. */
  authorization: string;
}

export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(new Option('--org <name>', 'organization').env('BASALT_ORG').default('default'))
    .addOption(
      new Option('--url <url>', 'server (default: http:// and the configured address)').env('BASALT_URL'),
    )
    .addOption(
      new Option('--user <email>', 'user (default: BASALT_ROOT_USER_EMAIL, else root@example.com)').env(
        'BASALT_USER',
      ),
    )
    .addOption(
      new Option(
        '--password <text>',
        'password (default: BASALT_ROOT_USER_PASSWORD, else the root-password file in the data directory)',
      ).env('BASALT_PASSWORD'),
    );
}

/** @throws CliError when no password is known or the URL is none; BasaltError when the configuration is wrong */
export function resolveConnection(options: ConnectionOptions, environment = process.env): Connection {
  const config = loadConfig({}, environment);
  const url = checkedUrl(options.url ?? `http://${config.httpAddr}`);
  const user = options.user ?? config.rootUserEmail;
  const password = options.password ?? config.rootUserPassword ?? passwordFromFile(config);
  return {
    url,
    organization: options.org,
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  };
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new CliError(`'${text}' is not an http:// or https:// URL`);
  }
  return text.replace(/\/+$/, '');
}

function passwordFromFile(config: Config): string {
  const file = join(config.dataDir, 'root-password');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new CliError(
      `no password: ${file} cannot be read`,
      'give --user and --password, set BASALT_ROOT_USER_PASSWORD, or point BASALT_DATA_DIR at the data directory of the server',
    );
  }
}
