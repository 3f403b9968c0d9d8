/** Answers as server-sent events. Nothing is sent until there is a first event, so that an error before it is a normal answer. */
import { BasaltError } from '../errors/index.js';
import type { EventSink } from '../query/stream-events.js';
import type { ReplyStream } from './exchange.js';
import { replyError, toAnswer } from './reply-error.js';
import { type SearchRequest, TRACE_HEADER } from './search-request.js';

/** The API's code of a search that was stopped. */
const CANCELLED = 20009;

export async function replyEvents(
  { exchange, context }: SearchRequest,
  produce: (sink: EventSink) => Promise<void>,
): Promise<void> {
  let stream: ReplyStream | undefined;
  const open = () => {
    stream ??= exchange.stream(200, {
      contentType: 'text/event-stream',
      headers: { 'cache-control': 'no-cache', [TRACE_HEADER]: context.traceId },
    });
    return stream;
  };
  try {
    await produce(({ event, data }) =>
      open().write(Buffer.concat([Buffer.from(`event: ${event}\ndata: `), ...data, Buffer.from('\n\n')])),
    );
    open().end('data: [[DONE]]\n\n');
  } catch (error) {
    if (!stream) return replyError(exchange, error, false, context.traceId);
    const told = toAnswer(error, context.traceId);
    const cancelled = error instanceof BasaltError && error.fields.code === CANCELLED;
    stream.end(`event: error\ndata: ${told.body}\n\ndata: [[${cancelled ? 'CANCELLED' : 'DONE'}]]\n\n`);
  }
}
