/** Basic authentication of the root user. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Config } from '../config/index.js';
import { isLoopback, parseAddress } from '../config/index.js';
import { FatalError, requestError } from '../errors/index.js';

/**
 * The root password: as configured, or else made once and kept in the data directory.
 * @throws FatalError when the server would listen beyond this host with a password that nobody chose
 */
export function rootPassword(config: Config, passwordFile: string): { password: string; generated: boolean } {
  if (config.rootUserPassword) return { password: config.rootUserPassword, generated: false };
  const { host } = parseAddress(config.httpAddr);
  if (!isLoopback(host)) {
    throw new FatalError(
      `refusing to listen on ${config.httpAddr} without an explicit password: set BASALT_ROOT_USER_PASSWORD, or listen on 127.0.0.1`,
    );
  }
  if (existsSync(passwordFile)) {
    const kept = readFileSync(passwordFile, 'utf8').trim();
    if (kept === '') throw new FatalError(`${passwordFile} is empty: remove it to have a new password made`);
    return { password: kept, generated: false };
  }
  const password = randomBytes(15).toString('base64url');
  // Renamed into place: a crash must not leave half a password.
  const draft = `${passwordFile}.draft`;
  writeFileSync(draft, `${password}\n`, { mode: 0o600, flush: true });
  renameSync(draft, passwordFile);
  return { password, generated: true };
}

export class Authenticator {
  private readonly expected: Buffer;

  constructor(email: string, password: string) {
    this.expected = digest(`Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`);
  }

  /** @throws BasaltError 401 */
  check(authorization: string): void {
    if (authorization === '') throw requestError(401, 'Unauthorized Access');
    // Digests have one length, so the comparison tells nothing about the password's.
    // The scheme's name is case-insensitive (RFC 9110).
    const given = authorization.replace(/^basic +/i, 'Basic ');
    if (!timingSafeEqual(digest(given), this.expected)) {
      throw requestError(401, 'Unauthorized Access', { hint: 'the e-mail address or the password is wrong' });
    }
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
