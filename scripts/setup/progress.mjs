// One line of progress for a long step: redrawn on a terminal, written out every ten seconds elsewhere.

const PLAIN_INTERVAL_MS = 10_000;
const DRAW_INTERVAL_MS = 200;

/** `65000` ms as `1m05s`, under a minute as `7s`. */
export function formatElapsed(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}

/** A text bar such as `[=====>    ]`, `width` cells wide. */
export function formatBar(done, total, width) {
  const filled = total > 0 ? Math.min(width, Math.floor((done / total) * width)) : 0;
  const head = filled < width ? '>' : '';
  return `[${'='.repeat(filled)}${head}${' '.repeat(Math.max(0, width - filled - head.length))}]`;
}

/** Shows how far a step named `label` is; `update` may be called as often as one likes. */
export class Progress {
  #label;
  #out;
  #startedAt = Date.now();
  #lastAt = 0;
  #done = 0;
  #total = 0;
  #timer;

  constructor(label, out = process.stderr) {
    this.#label = label;
    this.#out = out;
    this.#lastAt = out.isTTY ? 0 : Date.now();
    this.#timer = setInterval(() => this.#draw(), out.isTTY ? 1000 : PLAIN_INTERVAL_MS);
    this.#timer.unref();
  }

  update(done, total) {
    this.#done = done;
    this.#total = total;
    if (Date.now() - this.#lastAt >= (this.#out.isTTY ? DRAW_INTERVAL_MS : PLAIN_INTERVAL_MS)) this.#draw();
  }

  /** Takes the line away, so that other output starts on a clean one. */
  clear() {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }

  /** Ends the step; returns its milliseconds. */
  stop() {
    clearInterval(this.#timer);
    this.clear();
    return Date.now() - this.#startedAt;
  }

  #draw() {
    this.#lastAt = Date.now();
    const count = this.#total > 0 ? ` ${this.#done}/${this.#total} crates` : '';
    const text = `${this.#label}${count}, ${formatElapsed(this.#lastAt - this.#startedAt)}`;
    if (!this.#out.isTTY) {
      this.#out.write(`${text}\n`);
      return;
    }
    const bar = this.#total > 0 ? `${formatBar(this.#done, this.#total, 24)} ` : '';
    this.#out.write(`\r\x1b[K${(bar + text).slice(0, (this.#out.columns ?? 80) - 1)}`);
  }
}
