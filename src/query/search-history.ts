/** The searches that ended lately, in memory under a limit: a restart forgets them (docs/API.md). */
import { SEARCH_HISTORY_MAX, SEARCH_HISTORY_TEXT_MAX } from '../config/limits.js';

export interface SearchRecord {
  org_id: string;
  stream_type: 'logs';
  stream_name: string;
  /** Of the search's range, microseconds. */
  start_time: number;
  end_time: number;
  sql: string;
  /** MB. */
  scan_size: number;
  scan_records: number;
  /** Seconds. */
  took: number;
  cached_ratio: number;
  trace_id: string;
  /** When it ended, microseconds. */
  _timestamp: number;
  event: string;
  /** Why it failed; absent when it did not. */
  error?: string;
}

export interface HistoryFilter {
  organization: string;
  startTime: number;
  endTime: number;
  stream?: string;
  traceId?: string;
  size: number;
}

export class SearchHistory {
  /** Oldest first. */
  private records: SearchRecord[] = [];

  add(record: SearchRecord): void {
    const { sql, error } = record;
    this.records.push({ ...record, sql: shortened(sql), error: error && shortened(error) });
    // Cut in bulk: taking one off the front each time would move the whole list each time.
    if (this.records.length >= 2 * SEARCH_HISTORY_MAX) this.records = this.records.slice(-SEARCH_HISTORY_MAX);
  }

  /** Newest first. */
  find({ organization, startTime, endTime, stream, traceId, size }: HistoryFilter): SearchRecord[] {
    return this.records
      .slice(-SEARCH_HISTORY_MAX)
      .reverse()
      .filter(
        (record) =>
          record.org_id === organization &&
          record._timestamp >= startTime &&
          record._timestamp < endTime &&
          (stream === undefined || record.stream_name.split(',').includes(stream)) &&
          (traceId === undefined || record.trace_id === traceId),
      )
      .slice(0, size);
  }
}

/** A copy: a part of a text would keep the whole in memory. */
function shortened(text: string): string {
  return text.length <= SEARCH_HISTORY_TEXT_MAX
    ? text
    : Buffer.from(`${text.slice(0, SEARCH_HISTORY_TEXT_MAX)}…`).toString();
}
