import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const startMsMax = 30_000;
const stopMsMax = 60_000;
const outputCharactersKept = 4000;
const entryPath = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface ServerSettings {
  /** Where the data directory is made. */
  readonly folder: string;
  /** More environment, such as BASALT_INGEST_WORKERS. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The real server in its own process, on a fresh data directory and a free port of the loopback interface. */
export class ServerProcess {
  readonly url: string;
  readonly user = 'root@example.com';
  readonly password: string;
  readonly dataDirectory: string;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess, url: string, password: string, dataDirectory: string) {
    this.#child = child;
    this.url = url;
    this.password = password;
    this.dataDirectory = dataDirectory;
    const keep = (text: Buffer) => {
      this.#output = (this.#output + text.toString()).slice(-outputCharactersKept);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
  }

  /** Resolves when the server says that it is ready. */
  static async start(settings: ServerSettings): Promise<ServerProcess> {
    const address = `127.0.0.1:${await freePort()}`;
    const password = randomBytes(12).toString('hex');
    const dataDirectory = mkdtempSync(join(settings.folder, 'data-'));
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('BASALT_'));
    const child = spawn(process.execPath, [entryPath, 'serve'], {
      // Its own folder, so that a basalt.yaml of the caller's does not apply.
      cwd: dataDirectory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(inherited),
        BASALT_DATA_DIR: dataDirectory,
        BASALT_HTTP_ADDR: address,
        BASALT_ROOT_USER_EMAIL: 'root@example.com',
        BASALT_ROOT_USER_PASSWORD: password,
        BASALT_LOG_LEVEL: 'warn',
        ...settings.environment,
      },
    });
    const server = new ServerProcess(child, `http://${address}`, password, dataDirectory);
    try {
      await server.#untilReady();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the server process could not be started');
    return this.#child.pid;
  }

  get authorization(): string {
    return `Basic ${Buffer.from(`${this.user}:${this.password}`).toString('base64')}`;
  }

  /** The last lines that the server wrote, for messages about failures. */
  get output(): string {
    return this.#output;
  }

  /** Ends the process, gently first, and removes its data. */
  async stop(): Promise<void> {
    if (this.#running) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGTERM');
      const abort = new AbortController();
      await Promise.race([ended, sleep(stopMsMax, undefined, { signal: abort.signal, ref: false })]);
      abort.abort();
      if (this.#running) {
        this.#child.kill('SIGKILL');
        await ended;
      }
    }
    rmSync(this.dataDirectory, { recursive: true, force: true });
  }

  get #running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #untilReady(): Promise<void> {
    const deadlineMs = Date.now() + startMsMax;
    while (Date.now() < deadlineMs) {
      if (!this.#running) throw new Error(`the server ended at its start:\n${this.#output}`);
      try {
        const answer = await fetch(`${this.url}/healthz`);
        const body = (await answer.json()) as { status?: string };
        if (answer.ok && body.status === 'ok') return;
      } catch {
        // Not listening yet.
      }
      await sleep(20);
    }
    throw new Error(`the server was not ready after ${startMsMax} ms:\n${this.#output}`);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
