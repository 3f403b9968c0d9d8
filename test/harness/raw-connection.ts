/** A bare TCP connection, for requests that no well-behaved client would send. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const ANSWER_TIMEOUT_MS = 15_000;

export class RawConnection {
  private received = '';
  private ended = false;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    socket.on('close', () => {
      this.ended = true;
    });
    // A reset is an answer too; `closed` tells of it.
    socket.on('error', () => {});
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawConnection(socket);
  }

  get text(): string {
    return this.received;
  }

  get closed(): boolean {
    return this.ended;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Ends the connection without a good-bye. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  close(): void {
    this.socket.destroy();
  }

  /** Waits until what was received matches, or the connection is closed. @returns what was received */
  async until(pattern: RegExp, timeoutMs = ANSWER_TIMEOUT_MS): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    while (!pattern.test(this.received) && !this.ended && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.received;
  }
}
