/** What can be completed: streams, their fields, functions, keywords. Asked of the server when first needed, and kept for a while. */
import type { Connection } from '../connection.js';
import { CliError } from '../failure.js';
import type { HttpClient } from '../http-client.js';
import { apiPath } from '../query/search.js';
import { parseErrorBody, serverError } from '../server-error.js';
import { FUNCTIONS } from './keywords.js';

export interface StreamDescription {
  name: string;
  stats: { doc_num: number; storage_size: number; doc_time_min: number; doc_time_max: number };
  schema: { name: string; type: string }[];
}

const KEPT_MS = 10_000;

export class Names {
  private readonly kept = new Map<string, { value: Promise<unknown>; atMs: number }>();

  constructor(
    private readonly client: HttpClient,
    private readonly connection: Connection,
  ) {}

  /** @throws CliError */
  async streams(): Promise<StreamDescription[]> {
    return (await this.get<{ list: StreamDescription[] }>('streams')).list;
  }

  /** @throws CliError */
  stream(name: string): Promise<StreamDescription> {
    return this.get<StreamDescription>('streams', name, 'schema');
  }

  streamNames(): Promise<string[]> {
    return this.cached('streams', async () => (await this.streams()).map(({ name }) => name));
  }

  fieldNames(stream: string): Promise<string[]> {
    return this.cached(`fields ${stream}`, async () =>
      (await this.stream(stream)).schema.map(({ name }) => name),
    );
  }

  functionNames(): Promise<string[]> {
    return this.cached(
      'functions',
      async () => namesIn(await this.get<unknown>('query_functions')),
      FUNCTIONS,
    );
  }

  private async get<Body>(...segments: string[]): Promise<Body> {
    const reply = await this.client.send({ method: 'GET', path: apiPath(this.connection, ...segments) });
    if (reply.status !== 200) throw serverError('', parseErrorBody(reply));
    try {
      return JSON.parse(reply.body.toString('utf8')) as Body;
    } catch {
      throw new CliError('the answer is not JSON: is this a Basalt server?');
    }
  }

  /** A completion that fails offers what is known anyway: nobody asked for an error. */
  private cached(key: string, ask: () => Promise<string[]>, otherwise: string[] = []): Promise<string[]> {
    const entry = this.kept.get(key);
    if (entry && Date.now() - entry.atMs < KEPT_MS) return entry.value as Promise<string[]>;
    const value = ask().catch(() => otherwise);
    this.kept.set(key, { value, atMs: Date.now() });
    return value;
  }
}

/** Names in a list of names or of objects that have one, wherever in the answer the list is. */
function namesIn(answer: unknown): string[] {
  const lists = Array.isArray(answer) ? [answer] : Object.values(answer ?? {}).filter(Array.isArray);
  const entries = (lists[0] ?? []) as (string | { name?: unknown })[];
  return entries.map((entry) => String(typeof entry === 'string' ? entry : entry.name));
}
