/** What a statement may call. */
import { functionList } from '../native/index.js';

export interface SqlFunction {
  name: string;
  kind: 'scalar' | 'aggregate' | 'window' | 'table';
  /** How a call is written. */
  signature: string;
  doc: string;
  example?: string;
  /** The name of the same function that is better used. */
  alias_of?: string;
  deprecated: boolean;
}

let known: SqlFunction[] | undefined;

/** By name. The first call takes some milliseconds. */
export function sqlFunctions(): SqlFunction[] {
  known ??= JSON.parse(functionList()) as SqlFunction[];
  return known;
}
