/** The body of a request as JSON. */
import { requestError } from '../errors/index.js';

/** @throws BasaltError 400 when it is not JSON */
export function parseJsonBody(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw requestError(
      400,
      `the request body is not JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
}
