/**
 * `filter_path`, by which Elasticsearch clients ask for some members of an answer only: paths with dots, separated by commas; `*` stands
 * for any name or a part of one, `**` for any number of levels, a `-` in front leaves out what the path names. Lists are passed through.
 */
type Path = string[];

export class FilterPath {
  private constructor(
    private readonly included: Path[] | undefined,
    private readonly excluded: Path[],
  ) {}

  /** @returns undefined where nothing is filtered */
  static parse(text: string): FilterPath | undefined {
    const paths = text
      .split(',')
      .map((path) => path.trim())
      .filter((path) => path !== '' && path !== '-');
    if (paths.length === 0) return undefined;
    const included = paths.filter((path) => !path.startsWith('-')).map(segments);
    const excluded = paths.filter((path) => path.startsWith('-')).map((path) => segments(path.slice(1)));
    return new FilterPath(included.length > 0 ? included : undefined, excluded);
  }

  /** The filter for what lies under a member; undefined where nothing of it is wanted. */
  under(name: string): FilterPath | undefined {
    const excluded = steps(this.excluded, name);
    if (excluded.some(isMatch)) return undefined;
    const included = this.included && steps(this.included, name);
    if (!included || included.some(isMatch)) return new FilterPath(undefined, excluded);
    return included.length > 0 ? new FilterPath(included, excluded) : undefined;
  }

  /** What is wanted of a value; undefined for nothing. */
  apply(value: unknown): unknown {
    if (!this.included && this.excluded.length === 0) return value;
    if (Array.isArray(value)) {
      const kept = value.map((each) => this.apply(each)).filter((each) => each !== undefined);
      return kept.length > 0 || value.length === 0 ? kept : undefined;
    }
    if (typeof value !== 'object' || value === null) return this.included ? undefined : value;
    const kept: Record<string, unknown> = {};
    for (const [name, member] of Object.entries(value)) {
      const filtered = this.under(name)?.apply(member);
      if (filtered !== undefined) kept[name] = filtered;
    }
    return Object.keys(kept).length > 0 ? kept : undefined;
  }
}

/** Wildcards one behind the other are one: matching never takes long. */
function segments(path: string): Path {
  return path.split('.').map((segment) => (/^\*{2,}$/.test(segment) ? '**' : segment.replace(/\*+/g, '*')));
}

function isMatch(path: Path): boolean {
  return path.length === 0;
}

/** What is left of the paths behind a member of that name. */
function steps(paths: Path[], name: string): Path[] {
  return paths.flatMap((path): Path[] => {
    const [first, ...rest] = path;
    if (first === '**') return rest.length === 0 ? [[]] : [path, ...steps([rest], name)];
    return first !== undefined && matches(first, name) ? [rest] : [];
  });
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const parts = pattern.split('*');
  const [start = ''] = parts;
  const end = parts.at(-1) ?? '';
  if (name.length < start.length + end.length || !name.startsWith(start) || !name.endsWith(end)) return false;
  let at = start.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > name.length - end.length) return false;
    at = found + part.length;
  }
  return true;
}
