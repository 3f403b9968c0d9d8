/** The searches that are running: listing them, stopping one. */
import { requestError } from '../errors/index.js';
import type { RunningSearch } from '../query/running-searches.js';
import type { SearchService } from '../query/search.js';
import type { Router } from './router.js';
import { replyJson, searchRoute } from './search-request.js';

export function addRunningRoutes(router: Router, search: SearchService): void {
  const { running } = search;
  router
    .add(
      'GET',
      '/api/:organization/_search',
      searchRoute(async (request) => {
        replyJson(request, { list: running.of(request.context.organization).map(describe) });
      }),
    )
    .add(
      'DELETE',
      '/api/:organization/_search/:id',
      searchRoute(async (request) => {
        const { id = '' } = request.params;
        const stopped = running.stop(request.context.organization, id.toLowerCase());
        if (stopped === 0) throw requestError(404, `no search with the trace id '${id}' is running`);
        replyJson(request, { code: 200, message: 'search cancelled' });
      }),
    );
}

function describe({ info, startedMs }: RunningSearch): object {
  return {
    trace_id: info.traceId,
    sql: info.sql,
    start_time: info.startTime,
    end_time: info.endTime,
    search_type: info.searchType,
    started_at: startedMs * 1000,
    took: Date.now() - startedMs,
  };
}
