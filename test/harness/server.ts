/** The real server process on a data directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from './http.js';
import { program } from './paths.js';

export interface ServerOptions {
  /** Environment over the test's own settings; undefined takes one away. */
  env?: Record<string, string | undefined>;
  /** A command that runs the server as its last arguments, e.g. `['strace', '-D']`. It must keep the process id. */
  wrapper?: string[];
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const USER = 'root@example.com';
const PASSWORD = 'Test-password-1';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 40_000;
/** Log text kept a process. */
const LOG_CHARACTERS_MAX = 1 << 20;

/** The server could not be started; `exit` tells how it ended and `log` what it said. */
export class StartError extends Error {
  constructor(
    readonly exit: Exit | undefined,
    readonly log: string,
  ) {
    super(`the server did not start (${JSON.stringify(exit)}):\n${log.slice(-4000)}`);
    this.name = 'StartError';
  }
}

export class TestServer {
  readonly user = USER;
  readonly password = PASSWORD;
  readonly dataDir = mkdtempSync(join(tmpdir(), 'basalt-e2e-'));
  private child: ChildProcess | undefined;
  private exited: Promise<Exit> | undefined;
  private exitedAs: Exit | undefined;
  private current: Client | undefined;
  private text = '';

  private constructor(private options: ServerOptions) {}

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const server = TestServer.prepare(options);
    try {
      await server.launch();
    } catch (error) {
      server.removeData();
      throw error;
    }
    return server;
  }

  /** A data directory without a process; `launch` starts it. */
  static prepare(options: ServerOptions = {}): TestServer {
    if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build`);
    return new TestServer(options);
  }

  get client(): Client {
    if (!this.current) throw new Error('the server does not run');
    return this.current;
  }

  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  get running(): boolean {
    return this.child !== undefined && this.exitedAs === undefined;
  }

  /** What the process that runs or ran last wrote to its outputs. */
  get log(): string {
    return this.text;
  }

  /** What the log says about the trace id in an answer. */
  logOf(answer: string): string {
    const id = /"(?:trace_id|traceId)":"([0-9a-f]{32})"/.exec(answer)?.[1];
    const lines = id === undefined ? [] : this.text.split('\n').filter((line) => line.includes(id));
    return lines.map((line) => `\n${line}`).join('');
  }

  get walDirectory(): string {
    return join(this.dataDir, 'wal');
  }

  get segmentDirectory(): string {
    return join(this.dataDir, 'segments');
  }

  /** Environment for the command line program, so that it finds this server. */
  cliEnvironment(): NodeJS.ProcessEnv {
    return {
      ...cleanEnvironment(),
      BASALT_DATA_DIR: this.dataDir,
      BASALT_HTTP_ADDR: new URL(this.client.url).host,
      BASALT_ROOT_USER_EMAIL: USER,
      BASALT_ROOT_USER_PASSWORD: PASSWORD,
    };
  }

  /** Starts the process and waits until it answers. @throws StartError */
  async launch(options: ServerOptions = this.options): Promise<void> {
    if (this.running) throw new Error('the server runs already');
    this.options = options;
    this.text = '';
    this.exitedAs = undefined;
    const [command = process.execPath, ...args] = [
      ...(options.wrapper ?? []),
      process.execPath,
      program,
      'serve',
    ];
    const child = spawn(command, args, {
      cwd: this.dataDir,
      env: {
        ...cleanEnvironment(),
        BASALT_DATA_DIR: this.dataDir,
        BASALT_HTTP_ADDR: '127.0.0.1:0',
        BASALT_ROOT_USER_EMAIL: USER,
        BASALT_ROOT_USER_PASSWORD: PASSWORD,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.exitedAs = { code: code as number | null, signal: signal as NodeJS.Signals | null };
      return this.exitedAs;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.text = (this.text + text).slice(-LOG_CHARACTERS_MAX);
      });
    }
    const port = await this.waitForPort();
    this.current = new Client(`http://127.0.0.1:${port}`, USER, PASSWORD);
    await this.waitForHealth();
  }

  /** Sends a signal and waits for the end of the process. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child?.kill(signal);
    return this.exit(STOP_TIMEOUT_MS);
  }

  /** Ends the process with `signal` and starts it again on the same data. */
  async restart(signal: NodeJS.Signals = 'SIGKILL', options?: ServerOptions): Promise<void> {
    await this.kill(signal);
    await this.launch(options);
  }

  /** How the process ended. @throws when it does not end in time; it is killed then */
  async exit(timeoutMs: number): Promise<Exit> {
    if (!this.exited) throw new Error('the server was never started');
    const timer = setTimeout(() => this.child?.kill('SIGKILL'), timeoutMs);
    const exit = await this.exited;
    clearTimeout(timer);
    this.current = undefined;
    return exit;
  }

  /** Ends the process, if it runs, and removes its data. */
  async stop(): Promise<void> {
    if (this.running) await this.kill('SIGKILL');
    this.removeData();
  }

  /** Resident memory of the process, bytes; the peak with `VmHWM`. */
  residentBytes(field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
    if (!kilobytes) throw new Error(`/proc has no ${field}`);
    return Number(kilobytes) * 1024;
  }

  private removeData(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  private async waitForPort(): Promise<number> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const port = /listening on http:\/\/[^\s"]*:(\d+)/.exec(this.text)?.[1];
      if (port) return Number(port);
      if (this.exitedAs) throw new StartError(this.exitedAs, this.text);
      if (Date.now() > deadline) {
        await this.kill('SIGKILL');
        throw new StartError(undefined, this.text);
      }
      await sleep(10);
    }
  }

  private async waitForHealth(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const reply = await this.client.request('GET', '/healthz', { anonymous: true }).catch(() => undefined);
      if (reply?.status === 200 && reply.text === '{"status":"ok"}') return;
      if (this.exitedAs || Date.now() > deadline) throw new StartError(this.exitedAs, this.text);
      await sleep(10);
    }
  }
}

/** The test's environment without settings that would change the server. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter(
    (name) => !name.startsWith('BASALT_') && name !== 'NODE_OPTIONS',
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
