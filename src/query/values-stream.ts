/** `_values_stream` (openobserve API, S4): the values of each field in events of their own, as they are found. */
import { envelope } from './envelope.js';
import type { SearchContext, SearchService } from './search.js';
import { type EventSink, hitsEvent, metadataEvent, progressEvent } from './stream-events.js';
import { eachField, type ValuesRequest } from './values.js';

/** @throws BasaltError 400, before the first event for what is wrong with the request */
export async function streamValues(
  service: SearchService,
  context: SearchContext,
  request: ValuesRequest,
  sink: EventSink,
): Promise<void> {
  const { from, size, fields, startTime, endTime } = request;
  let done = 0;
  await eachField(service, context, request, async ({ hit, figures }) => {
    const members = { traceId: context.traceId, total: fields.length, from, size };
    await sink(metadataEvent(envelope(figures, members, []), { startTime, endTime }));
    await sink(hitsEvent(...hit));
    done++;
    await sink(progressEvent(Math.floor((done / fields.length) * 100)));
  });
}
