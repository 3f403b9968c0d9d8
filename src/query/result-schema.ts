/** `result_schema` (openobserve API, S7): what columns the answer of a search will have. */
import type { SearchContext, SearchService } from './search.js';
import type { SearchBody } from './search-body.js';
import { listItems } from './statement-parts.js';

export interface ResultSchema {
  projections: string[];
  /** Columns of the answer that rows are grouped by. */
  group_by: string[];
  /** The column of times, or null. */
  timeseries_field: string | null;
}

/** @throws BasaltError 400 for a statement that cannot run */
export async function resultSchema(
  service: SearchService,
  context: SearchContext,
  body: SearchBody,
): Promise<ResultSchema> {
  const { statement, parts } = await service.prepare(context, body);
  const { columns } = await service.runner.plan(statement);
  const projections = columns.map(({ name }) => name);
  const groups = listItems(parts.clauses.group ?? '').flatMap((item) => {
    const position = /^\d+$/.test(item) ? projections[Number(item) - 1] : undefined;
    const name = position ?? item.replace(/^"(.*)"$/, '$1');
    return projections.filter((projection) => projection.toLowerCase() === name.toLowerCase());
  });
  const time = columns.find(({ type }) => type.startsWith('Timestamp'))?.name;
  const timeseries = time ?? projections.find((name) => name === '_timestamp') ?? null;
  return { projections, group_by: groups, timeseries_field: timeseries };
}
