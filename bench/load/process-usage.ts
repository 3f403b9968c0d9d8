import { readFileSync } from 'node:fs';

/** Linux counts processor time in 1/100 s for user space. */
const ticksPerSecond = 100;
const sampleIntervalMs = 100;

export interface ProcessUsage {
  /** The largest resident size among the samples, bytes. */
  rssMaxBytes: number;
  /** The largest resident size since the process started, by the kernel's count, bytes. */
  rssPeakBytes: number;
  /** User and system time of all threads between start and stop, seconds. */
  cpuSeconds: number;
}

/** Watches the memory and processor time of a process through /proc while a load runs. */
export class ProcessWatch {
  readonly #pid: number;
  readonly #cpuAtStart: number;
  readonly #timer: NodeJS.Timeout;
  #rssMaxBytes = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#cpuAtStart = cpuSecondsOf(pid);
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), sampleIntervalMs);
    this.#timer.unref();
  }

  stop(): ProcessUsage {
    clearInterval(this.#timer);
    this.#sample();
    return {
      rssMaxBytes: this.#rssMaxBytes,
      rssPeakBytes: rssPeakBytes(this.#pid),
      cpuSeconds: cpuSecondsOf(this.#pid) - this.#cpuAtStart,
    };
  }

  #sample(): void {
    this.#rssMaxBytes = Math.max(this.#rssMaxBytes, statusBytes(this.#pid, 'VmRSS'));
  }
}

/** The largest resident size of a process since it started, bytes. */
export function rssPeakBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

function statusBytes(pid: number, key: string): number {
  const match = new RegExp(`${key}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(match?.[1] ?? 0) * 1024;
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field, a name in brackets, may hold spaces: count from its end. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
