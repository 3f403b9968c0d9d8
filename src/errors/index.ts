/**
 * The one error class whose text reaches users. Three kinds, told apart by constructor function:
 * - `requestError`: the caller can mend it; carries the HTTP status and the API's own code.
 * - `fatal`: the disk or the installation is at fault; names the place and the operator's next step, and ends the process.
 * - anything else thrown is a bug and becomes a 500 with a trace id.
 */
export interface ErrorFields {
  /** The API's code; the HTTP status where the API has no code of its own. */
  code?: number;
  errorDetail?: string;
  hint?: string;
  suggestions?: string[];
  /** 1-based position in the SQL text. */
  line?: number;
  column?: number;
  /** Seconds after which a retry makes sense; set on overload. */
  retryAfterSeconds?: number;
}

export class BasaltError extends Error {
  readonly status: number;
  readonly fields: ErrorFields;

  constructor(status: number, message: string, fields: ErrorFields = {}) {
    super(message);
    this.name = 'BasaltError';
    this.status = status;
    this.fields = fields;
  }

  /** The API's JSON form; absent members are left out. */
  toBody(traceId?: string): string {
    const { code, errorDetail, hint, suggestions, line, column } = this.fields;
    return JSON.stringify({
      code: code ?? this.status,
      message: this.message,
      error_detail: errorDetail,
      trace_id: traceId,
      hint,
      suggestions: suggestions?.length ? suggestions : undefined,
      line,
      column,
    });
  }
}

/** A refusal that the caller can mend. */
export function requestError(status: number, message: string, fields: ErrorFields = {}): BasaltError {
  return new BasaltError(status, message, fields);
}

/** Overload: never lost, never queued without bound; the client is told when to come back. */
export function overloaded(message: string, hint: string): BasaltError {
  return new BasaltError(503, message, { retryAfterSeconds: 1, hint });
}

/** There is no room on the disk: nothing was stored, and what needs no room goes on. */
export function diskFull(message: string): BasaltError {
  return new BasaltError(507, message, {
    retryAfterSeconds: 5,
    hint: 'make room on the disk, or delete streams or rows; it goes on by itself then',
  });
}

const DISK_FULL =
  /ENOSPC|EDQUOT|EFBIG|no space left|quota exceeded|file too large|SQLITE_FULL|database or disk is full/i;

/** Whether an error, of whichever thread or library, says that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof BasaltError) return error.status === 507;
  if (error instanceof FatalError) return false;
  const { code } = error as { code?: unknown };
  return DISK_FULL.test(
    `${typeof code === 'string' ? code : ''} ${error instanceof Error ? error.message : ''}`,
  );
}

/** A condition under which going on could lose or falsify data. */
export class FatalError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'FatalError';
  }
}

/** Exit code after a FatalError (EX_IOERR of sysexits.h). */
export const FATAL_EXIT_CODE = 74;

/** The known name nearest to `name` by edit distance, if it is near enough to be a likely typing error. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, two rows at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] as number) + 1, (current[j - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
