/** `_values` (openobserve API, S4): the most frequent values of fields, one statement a field. */
import { nearestName, requestError } from '../errors/index.js';
import type { ColumnType, Schema } from '../storage/schema.js';
import type { Store } from '../storage/store.js';
import { joinWithCommas } from './encoded-rows.js';
import { addFigures, envelope, type Figures, figuresOf, noFigures } from './envelope.js';
import { suggestedNames } from './plan-context.js';
import type { Statement } from './query-runner.js';
import type { SearchAnswer, SearchContext, SearchService } from './search.js';
import { statementParts } from './statement-parts.js';

export interface ValuesRequest {
  stream: string;
  fields: string[];
  startTime: number;
  endTime: number;
  from: number;
  size: number;
  /** `column=value,value`. */
  filter: string | undefined;
  /** Only values that contain it, whatever the case. */
  keyword: string | undefined;
  /** Its WHERE is used, in place of `filter`. */
  sql: string | undefined;
  /** Names only, in alphabetical order. */
  noCount: boolean;
  useCache: boolean;
  timeoutSeconds: number;
  searchType: string;
}

export interface FieldValues {
  field: string;
  /** `{"field":…,"values":[…]}` in pieces. */
  hit: Uint8Array[];
  rows: number;
  figures: Figures;
}

/** @throws BasaltError 400 */
export async function values(
  service: SearchService,
  context: SearchContext,
  request: ValuesRequest,
): Promise<SearchAnswer> {
  const hits: Uint8Array[] = [];
  let total = noFigures();
  await eachField(service, context, request, async ({ hit, figures }) => {
    hits.push(Buffer.concat(hit));
    total = addFigures(total, figures);
  });
  const { from, size, fields } = request;
  const losses = service.lossMembers(context.organization, quoteName(request.stream));
  return envelope(total, { traceId: context.traceId, total: fields.length, from, size, ...losses }, hits);
}

/** The values of each field that the stream has, as they are found. @throws BasaltError 400 */
export function eachField(
  service: SearchService,
  context: SearchContext,
  request: ValuesRequest,
  take: (values: FieldValues) => Promise<void>,
): Promise<void> {
  const statements = valueStatements(service.store, context.organization, request);
  const limits = { timeout: request.timeoutSeconds, search_type: request.searchType };
  const range = { startTime: request.startTime, endTime: request.endTime };
  const described = { sql: statements.map(({ statement }) => statement.sql).join(';\n'), range };
  return service.track(context, limits, described, async ({ signal }) => {
    let total = noFigures();
    for (const { field, statement } of statements) {
      const started = performance.now();
      const answer = await service.runner.run(statement, signal);
      const figures = figuresOf(answer, performance.now() - started);
      total = addFigures(total, figures);
      const { pieces, rows } = answer.result;
      const head = `{"field":${JSON.stringify(field)},"values":[`;
      await take({
        field,
        hit: [Buffer.from(head), ...joinWithCommas(pieces), Buffer.from(']}')],
        rows,
        figures,
      });
    }
    return { value: undefined, figures: total };
  });
}

/** One for each requested field that the stream has. */
function valueStatements(
  store: Store,
  organization: string,
  request: ValuesRequest,
): { field: string; statement: Statement }[] {
  const { fields, startTime, endTime } = request;
  if (fields.length === 0) throw requestError(400, 'fields is empty');
  if (!startTime) throw requestError(400, 'start_time is needed: microseconds since 1970, from 1');
  if (!endTime) throw requestError(400, 'end_time is needed: microseconds since 1970, from 1');
  const stream = findStream(store, organization, request.stream);
  const { schema } = stream;
  const equal = startTime === endTime ? 1 : 0;
  const range = { startTime: startTime - equal, endTime: endTime + equal };
  const condition = rowCondition(request, schema);
  const known = fields.filter((field) => schema.has(field));
  return known.map((field) => {
    const matching = [...condition, ...keywordCondition(field, schema.get(field), request.keyword)];
    const where = matching.length > 0 ? ` WHERE ${matching.map((each) => `(${each}\n)`).join(' AND ')}` : '';
    const column = quoteName(field);
    const key = `coalesce(CAST(found AS VARCHAR), '') AS zo_sql_key`;
    const count = request.noCount ? '0' : 'CAST(sum(rows) AS BIGINT)';
    const order = request.noCount ? 'zo_sql_key' : 'zo_sql_num DESC, zo_sql_key';
    // Grouped as they are stored, which a scan does; then as text, in which null and nothing are one.
    const groups = `SELECT ${column} AS found, count(*) AS rows FROM ${quoteName(stream.name)}${where} GROUP BY ${column}`;
    const sql = `SELECT ${key}, ${count} AS zo_sql_num FROM (${groups}) GROUP BY zo_sql_key ORDER BY ${order}`;
    const statement: Statement = {
      organization,
      sql,
      range,
      from: request.from,
      size: request.size,
      defaultOrder: false,
      format: 'objects',
      useCache: request.useCache,
    };
    return { field, statement };
  });
}

/** @throws BasaltError 400 (20002) with the nearest name */
export function findStream(store: Store, organization: string, name: string) {
  const found = store.find(organization, name);
  if (found) return found;
  const near = nearestName(name, suggestedNames(store.streamsOf(organization).keys()));
  throw requestError(400, `Search stream not found: ${name}`, {
    code: 20002,
    suggestions: near ? [near] : [],
    hint: near ? `did you mean '${near}'?` : undefined,
  });
}

function rowCondition({ sql, filter }: ValuesRequest, schema: Schema): string[] {
  if (sql !== undefined) {
    const { where } = statementParts(sql).clauses;
    return where === undefined ? [] : [where];
  }
  if (filter === undefined) return [];
  const [column = '', ...rest] = filter.split('=');
  const type = schema.get(column.trim());
  if (type === undefined) {
    const near = nearestName(column.trim(), schema.keys());
    throw requestError(400, `unknown field '${column.trim()}'`, {
      code: 20004,
      suggestions: near ? [near] : [],
    });
  }
  const wanted = rest.join('=').split(',').map(quoteText).join(', ');
  return [`${asText(column.trim(), type)} IN (${wanted})`];
}

function keywordCondition(
  field: string,
  type: ColumnType | undefined,
  keyword: string | undefined,
): string[] {
  if (!keyword) return [];
  if (type === 'string') return [`str_match_ignore_case(${quoteName(field)}, ${quoteText(keyword)})`];
  return [`strpos(lower(CAST(${quoteName(field)} AS VARCHAR)), lower(${quoteText(keyword)})) > 0`];
}

/** A field as text, so that it compares with text; a text field stays what a scan can filter. */
function asText(field: string, type: ColumnType): string {
  return type === 'string' ? quoteName(field) : `CAST(${quoteName(field)} AS VARCHAR)`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
