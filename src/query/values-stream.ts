/** `_values_stream` (openobserve API, S4): the values of each field in events of their own, as they are found. */
import { envelope } from './envelope.js';
import type { SearchContext, SearchService } from './search.js';
import type { EventSink } from './search-stream.js';
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
    const offset = JSON.stringify({ start_time: startTime, end_time: endTime });
    await sink({
      event: 'search_response_metadata',
      data: [
        Buffer.from('{"results":'),
        ...envelope(figures, members, []),
        Buffer.from(`,"streaming_aggs":false,"time_offset":${offset}}`),
      ],
    });
    await sink({
      event: 'search_response_hits',
      data: [Buffer.from('{"hits":['), ...hit, Buffer.from(']}')],
    });
    done++;
    const percent = Math.floor((done / fields.length) * 100);
    await sink({ event: 'progress', data: [Buffer.from(JSON.stringify({ percent }))] });
  });
}
