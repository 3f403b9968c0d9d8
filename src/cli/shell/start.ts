/** `basalt query` without a statement, at a terminal. */
import pc from 'picocolors';
import { type ConnectionOptions, resolveConnection } from '../connection.js';
import { HttpClient } from '../http-client.js';
import { INTERACTIVE_RETRY } from '../query/search.js';
import { History, historyFile } from './history.js';
import { Session, type SessionOptions } from './session.js';
import { runTerminal } from './terminal.js';

/** The statement, and beside it what stops it or is asked for a completion. */
const CONNECTIONS = 3;

/** Resolves when the user ends it. @throws CliError when no password is known */
export async function startShell(options: ConnectionOptions & SessionOptions): Promise<void> {
  const connection = resolveConnection(options);
  const client = new HttpClient(connection, CONNECTIONS, INTERACTIVE_RETRY);
  const { stdin, stdout, stderr } = process;
  stdout.write(pc.dim(`${connection.url}, organization ${connection.organization}; \\help for help\n`));
  try {
    const session = new Session(client, connection, options, stdout, stderr);
    await runTerminal(session, new History(historyFile()), stdin, stdout);
  } finally {
    client.close();
  }
}
