/** One request and its answer, over whichever library reads the connection (listener.ts). */
import type { Connection } from './connections.js';
import type { Framing } from './framing.js';
import type { SocketListener, Upgrade } from './socket.js';

const REASONS: Record<number, string> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  411: 'Length Required',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};

export interface ReplyOptions {
  contentType?: string;
  headers?: Record<string, string>;
  /** Close the connection afterwards: the rest of a refused body is not read. */
  close?: boolean;
}

/** An answer in pieces. After the client has gone, writes and the end do nothing; `Exchange.cancelled` tells. */
export interface ReplyStream {
  /** Resolves when the socket takes more: a writer that waits for it holds one piece at a time in memory. */
  write(bytes: string | Uint8Array): Promise<void>;
  end(bytes: string | Uint8Array): void;
  /** Closes the connection, so that the client knows that the answer is not complete. */
  cut(): void;
}

/** What a request says before its body. */
export interface RequestHead {
  method: string;
  path: string;
  query: string;
  /** The first of each name, names in lower case. */
  fields: Map<string, string>;
  framing: Framing;
}

/** What an exchange needs of its connection: of uWebSockets.js the response itself, which is good until the answer or the abort. */
export interface Wire {
  onAborted(handler: () => void): unknown;
  /** The bytes are only valid during the call. */
  onData(handler: (chunk: ArrayBuffer | Uint8Array, isLast: boolean) => void): unknown;
  onWritable(handler: () => boolean): unknown;
  cork(handler: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  /** @returns false when the socket has enough for now */
  write(bytes: string | Uint8Array): boolean;
  end(bytes?: string | Uint8Array, close?: boolean): unknown;
  endWithoutBody(contentLength?: number, close?: boolean): unknown;
  close(): unknown;
}

export interface ExchangeOptions {
  upgrade?: Upgrade;
  /** Nothing that comes after this request on its connection is read as another one: the connection ends with the answer. */
  isLast?: boolean;
}

export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string;
  readonly contentEncoding: string;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly accept: string;
  /** What the client wants the request to be called in answers and logs. */
  readonly traceId: string;
  /** Announced body length; undefined for chunked transfer or no body. */
  readonly contentLength: number | undefined;
  readonly startedMs = performance.now();
  /** Aborts when the client goes away before the end of the answer. */
  readonly cancelled = new AbortController();
  private state: 'OPEN' | 'STREAMING' | 'ANSWERED' | 'ABORTED' = 'OPEN';
  private gone = false;
  private abortListener: (() => void) | undefined;
  /** Of a write that waits for the socket. */
  private writable: (() => void) | undefined;

  private readonly isLast: boolean;
  private readonly upgrade: Upgrade | undefined;

  constructor(
    private readonly response: Wire,
    { method, path, query, fields, framing }: RequestHead,
    readonly connection: Connection | undefined,
    private readonly onAnswered: (exchange: Exchange, status: number) => void,
    { upgrade, isLast = false }: ExchangeOptions = {},
  ) {
    const field = (name: string) => fields.get(name) ?? '';
    this.method = method.toUpperCase();
    this.path = path;
    this.query = new URLSearchParams(query);
    this.authorization = field('authorization');
    this.contentEncoding = field('content-encoding').toLowerCase();
    this.contentType = field('content-type').toLowerCase();
    this.cacheControl = field('cache-control').toLowerCase();
    this.accept = field('accept').toLowerCase();
    this.traceId = field('x-openobserve-trace-id').toLowerCase();
    this.contentLength = framing.kind === 'length' ? framing.bytes : undefined;
    this.upgrade = upgrade;
    this.isLast = isLast;
    response.onAborted(() => {
      this.gone = true;
      if (this.state === 'ANSWERED') return;
      this.state = 'ABORTED';
      this.cancelled.abort();
      this.abortListener?.();
      this.takeWritable()?.();
    });
  }

  get open(): boolean {
    return this.state === 'OPEN';
  }

  /** Whether the client asks for a WebSocket. */
  get upgradable(): boolean {
    return this.upgrade !== undefined;
  }

  onAbort(listener: () => void): void {
    this.abortListener = listener;
  }

  /** Hands over each piece of the body. The bytes are only valid during the call. */
  onBody(listener: (bytes: Uint8Array, isLast: boolean) => void): void {
    this.response.onData((chunk, isLast) => {
      if (this.state === 'OPEN')
        listener(chunk instanceof Uint8Array ? chunk : new Uint8Array(chunk), isLast);
    });
  }

  /** Collects a small body. @returns undefined when it passes `limitBytes` */
  collectBody(limitBytes: number, done: (body: Uint8Array | undefined) => void): void {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let refused = false;
    this.onBody((piece, isLast) => {
      if (refused) return;
      bytes += piece.length;
      if (bytes > limitBytes) {
        refused = true;
        done(undefined);
        return;
      }
      if (isLast && pieces.length === 0) return done(piece.slice());
      pieces.push(piece.slice());
      if (isLast) done(Buffer.concat(pieces));
    });
  }

  /** Answers once; later calls and calls after an abort do nothing. */
  reply(status: number, body: string | Uint8Array | Uint8Array[], options: ReplyOptions = {}): void {
    if (this.state !== 'OPEN') return;
    this.state = 'ANSWERED';
    if (this.isLast) {
      // Not within the call that reads the connection: with an answer under way, the library closes it rather than read on.
      setImmediate(() => {
        if (!this.gone) this.writeWhole(status, body, { ...options, close: true });
      });
    } else {
      this.writeWhole(status, body, options);
    }
    this.onAnswered(this, status);
  }

  private writeWhole(status: number, body: string | Uint8Array | Uint8Array[], options: ReplyOptions): void {
    const { response } = this;
    response.cork(() => {
      this.writeHead(status, options);
      const bytes = Array.isArray(body) ? Buffer.concat(body) : body;
      if (this.method === 'HEAD') response.endWithoutBody(Buffer.byteLength(bytes), options.close);
      else response.end(bytes, options.close);
    });
  }

  /** Answers an upgradable request with a WebSocket. */
  acceptSocket(listener: SocketListener): void {
    if (this.state !== 'OPEN' || !this.upgrade) return;
    this.state = 'ANSWERED';
    // Not corked, although the library asks for it and says so on standard error: corked, about one fresh server in six dropped its first
    // socket right after the upgrade (4 of 24, against 0 of 24). Its `cork` seems to read the socket as a response once it is none.
    this.upgrade.accept(listener);
    this.onAnswered(this, 101);
  }

  /** Begins an answer that is written piece by piece, in the state OPEN. */
  stream(status: number, options: ReplyOptions): ReplyStream {
    if (this.state === 'OPEN') {
      this.state = 'STREAMING';
      this.response.onWritable(() => {
        this.takeWritable()?.();
        return true;
      });
      this.response.cork(() => {
        this.writeHead(status, options);
        if (this.isLast) this.response.writeHeader('connection', 'close');
      });
    }
    return {
      write: (bytes) => this.write(bytes),
      end: (bytes) => {
        if (this.state !== 'STREAMING') return;
        this.state = 'ANSWERED';
        this.response.cork(() => this.response.end(bytes, this.isLast));
        this.onAnswered(this, status);
      },
      cut: () => {
        if (this.state !== 'STREAMING') return;
        this.state = 'ANSWERED';
        this.response.close();
        this.takeWritable()?.();
        this.onAnswered(this, status);
      },
    };
  }

  private async write(bytes: string | Uint8Array): Promise<void> {
    if (this.state !== 'STREAMING') return;
    let taken = true;
    this.response.cork(() => {
      taken = this.response.write(bytes);
    });
    if (taken) return;
    await new Promise<void>((resolve) => {
      this.writable = resolve;
    });
  }

  private takeWritable(): (() => void) | undefined {
    const { writable } = this;
    this.writable = undefined;
    return writable;
  }

  private writeHead(status: number, options: ReplyOptions): void {
    const { response } = this;
    response.writeStatus(`${status} ${REASONS[status] ?? 'Status'}`);
    response.writeHeader('content-type', options.contentType ?? 'application/json');
    for (const [name, value] of Object.entries(options.headers ?? {})) response.writeHeader(name, value);
  }
}
