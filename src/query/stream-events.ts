/** The events of streamed answers (openobserve API, S2 and S4). */
import type { TimeRange } from './time-partitions.js';

export interface StreamEvent {
  event: 'search_response_metadata' | 'search_response_hits' | 'progress';
  /** JSON in pieces. */
  data: Uint8Array[];
}

/** Takes an event; resolves when it wants the next one. */
export type EventSink = (event: StreamEvent) => Promise<void>;

/** @param response the envelope of an answer without hits @param range what the hits that follow are of */
export function metadataEvent(response: Uint8Array[], { startTime, endTime }: TimeRange): StreamEvent {
  const offset = JSON.stringify({ start_time: startTime, end_time: endTime });
  return {
    event: 'search_response_metadata',
    data: [
      Buffer.from('{"results":'),
      ...response,
      Buffer.from(`,"streaming_aggs":false,"time_offset":${offset}}`),
    ],
  };
}

/** @param rows encoded, joined by commas */
export function hitsEvent(...rows: Uint8Array[]): StreamEvent {
  return {
    event: 'search_response_hits',
    data: [Buffer.from('{"hits":['), ...rows, Buffer.from(']}')],
  };
}

export function progressEvent(percent: number): StreamEvent {
  return { event: 'progress', data: [Buffer.from(JSON.stringify({ percent }))] };
}
