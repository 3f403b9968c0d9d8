import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Seconds of a Retry-After header, or 0. */
  readonly retryAfterSeconds: number;
}

const responseBytesMax = 1 << 20;

/**
 * One keep-alive HTTP/1.1 connection that sends requests already encoded. At most one request is in flight. Answers must have a
 * Content-Length.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #received = Buffer.allocUnsafeSlow(responseBytesMax);
  #receivedBytes = 0;
  #resolve: ((answer: Answer) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  private constructor(host: string, port: number) {
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(65536),
        callback: (bytes, chunk) => {
          this.#take(chunk as Buffer, bytes);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(host: string, port: number): Promise<Connection> {
    const connection = new Connection(host, port);
    await new Promise<void>((resolve, reject) => {
      connection.#socket.once('connect', resolve);
      connection.#socket.once('error', reject);
    });
    return connection;
  }

  /** Sends one encoded request. `request` must stay unchanged until the answer is there; rejects when the connection breaks. */
  send(request: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (this.#socket.destroyed) this.#fail(new Error('the connection is closed'));
      else this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#reject?.(error);
    this.#resolve = undefined;
    this.#reject = undefined;
  }

  #take(chunk: Buffer, bytes: number): void {
    if (this.#receivedBytes + bytes > responseBytesMax) {
      this.#socket.destroy(new Error(`an answer of more than ${responseBytesMax} bytes`));
      return;
    }
    chunk.copy(this.#received, this.#receivedBytes, 0, bytes);
    this.#receivedBytes += bytes;
    const text = this.#received.toString('latin1', 0, this.#receivedBytes);
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = text.slice(0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (!length) {
      this.#socket.destroy(new Error(`an answer without Content-Length: ${head.slice(0, 200)}`));
      return;
    }
    const bodyStart = headEnd + 4;
    const end = bodyStart + Number(length[1]);
    if (this.#receivedBytes < end) return;
    const resolve = this.#resolve;
    if (!resolve || this.#receivedBytes > end) {
      this.#socket.destroy(new Error('an answer that no request asked for'));
      return;
    }
    this.#receivedBytes = 0;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve({
      status: Number(head.slice(9, 12)),
      body: text.slice(bodyStart, end),
      retryAfterSeconds: Number(/\r\nretry-after: *(\d+)/i.exec(head)?.[1] ?? 0),
    });
  }
}
