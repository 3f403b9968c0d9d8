/** Method and path to handler. Patterns are `/`-separated; `:name` matches one segment, percent-decoded. */
import { requestError } from '../errors/index.js';
import type { Exchange } from './exchange.js';

export type Params = Record<string, string>;
export type Handler = (exchange: Exchange, params: Params) => void;

interface Route {
  method: string;
  /** The route's name in the metrics. */
  pattern: string;
  segments: string[];
  handler: Handler;
  open: boolean;
}

export interface Match {
  pattern: string;
  handler: Handler;
  params: Params;
  /** Needs no credentials. */
  open: boolean;
}

export class Router {
  private readonly routes: Route[] = [];

  /** Routes are tried in the order they were added. */
  add(method: string, pattern: string, handler: Handler, options: { open?: boolean } = {}): this {
    this.routes.push({ method, pattern, segments: pattern.split('/'), handler, open: options.open ?? false });
    return this;
  }

  /** @throws BasaltError 404 for an unknown path, 405 for a known one with another method */
  match(method: string, path: string): Match {
    const segments = path.split('/');
    const allowed = new Set<string>();
    for (const route of this.routes) {
      const params = matchSegments(route.segments, segments);
      if (!params) continue;
      if (route.method === method || (route.method === 'GET' && method === 'HEAD')) {
        return { pattern: route.pattern, handler: route.handler, params, open: route.open };
      }
      allowed.add(route.method);
    }
    if (allowed.size > 0) {
      throw requestError(405, `${method} is not allowed on ${path}`, {
        hint: `allowed: ${[...allowed].join(', ')}`,
      });
    }
    throw requestError(404, `no such route: ${method} ${path}`, {
      hint: 'the API is described in README.md',
    });
  }
}

function matchSegments(pattern: string[], path: string[]): Params | undefined {
  if (pattern.length !== path.length) return undefined;
  const params: Params = {};
  for (let index = 0; index < pattern.length; index++) {
    const wanted = pattern[index] as string;
    const found = path[index] as string;
    if (wanted.startsWith(':')) {
      if (found === '') return undefined;
      params[wanted.slice(1)] = decode(found);
    } else if (wanted !== found) {
      return undefined;
    }
  }
  return params;
}

function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw requestError(400, `the path segment '${segment}' is not valid percent-encoding`);
  }
}
