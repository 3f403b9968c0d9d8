/**
 * Where a request's body ends (RFC 9112, section 6), checked on its head before any of the body is taken. A proxy and a server that read
 * the same head differently take one's body for the other's next request, so whatever could be read in two ways is refused and the
 * connection is closed.
 */
import { type BasaltError, requestError } from '../errors/index.js';

export type Framing =
  | { kind: 'none' }
  | { kind: 'length'; bytes: number }
  /** Pieces with a length each: the connection is not used again after it where the syntax of the pieces is not checked (listener.ts). */
  | { kind: 'chunked' };

/** Digits alone, few enough for a JavaScript number. */
const LENGTH = /^\d{1,15}$/;

/** The fields of a head, one after the other, names in lower case. */
export class FramingFields {
  private length: string | undefined;
  private coding: string | undefined;
  private hosts = 0;
  private problem: BasaltError | undefined;

  add(name: string, value: string): void {
    if (name === 'content-length') {
      if (this.length !== undefined) this.refuse('there is more than one Content-Length');
      this.length = value;
    } else if (name === 'transfer-encoding') {
      if (this.coding !== undefined) this.refuse('there is more than one Transfer-Encoding');
      this.coding = value;
    } else if (name === 'host') {
      this.hosts++;
    }
  }

  /** @throws BasaltError 400, or 501 for a transfer coding that is not known */
  framing(isHttp10 = false): Framing {
    if (this.problem) throw this.problem;
    const { length, coding, hosts } = this;
    if (hosts > 1 || (hosts === 0 && !isHttp10))
      throw requestError(400, `a request has one Host field, this one ${hosts}`);
    if (isHttp10 && coding !== undefined) throw ambiguous('HTTP/1.0 has no Transfer-Encoding');
    if (coding !== undefined) {
      if (length !== undefined) throw ambiguous('there are both Content-Length and Transfer-Encoding');
      return chunked(coding);
    }
    if (length === undefined) return { kind: 'none' };
    if (!LENGTH.test(length)) throw ambiguous('Content-Length must be digits alone');
    return { kind: 'length', bytes: Number(length) };
  }

  private refuse(message: string): void {
    this.problem ??= ambiguous(message);
  }
}

function chunked(coding: string): Framing {
  const names = coding.toLowerCase().split(',');
  if (names.length === 1 && names[0] === 'chunked') return { kind: 'chunked' };
  const known = names.every((name) => ['', 'chunked', 'identity'].includes(name.trim()));
  if (known || names.at(-1)?.trim() !== 'chunked')
    throw ambiguous('Transfer-Encoding must be chunked, once, and nothing else');
  throw requestError(501, 'of the transfer codings only chunked is known', {
    hint: 'compress the body with Content-Encoding instead',
  });
}

function ambiguous(message: string): BasaltError {
  return requestError(400, `the length of the body is not clear: ${message}`, {
    hint: 'send either Content-Length or Transfer-Encoding: chunked, once (RFC 9112, section 6)',
  });
}
