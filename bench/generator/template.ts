import { Output } from './output.js';
import type { Random } from './random.js';
import type { TimeSource } from './time.js';
import { jsonText, type VariableContext, type VariableWriter, variableWriter } from './variables.js';

/** The most that a fixed variable may be. */
const drawnBytesMax = 256;

/**
 * Message templates of one system; the prefix goes before each. Variables stand in braces. One that begins with `!` is drawn once for
 * each template, since a program's statement always logs under the same class, level and line number.
 */
export interface TemplateGroup {
  readonly prefix: string;
  readonly templates: readonly string[];
}

/** A template ready to write: a literal before each variable, and one after the last. Literals are JSON-escaped. */
export interface Template {
  readonly text: string;
  readonly literals: readonly Uint8Array[];
  readonly variables: readonly VariableWriter[];
}

/** Throws on a variable that does not exist: templates are part of the program. */
export function compileTemplate(text: string, context: VariableContext): Template {
  const pieces = drawFixed(text, context).split(/\{([^{}]*)\}/);
  return {
    text,
    literals: pieces.filter((_, index) => index % 2 === 0).map(jsonText),
    variables: pieces
      .filter((_, index) => index % 2 === 1)
      .map((specification) => variableWriter(specification, context)),
  };
}

function drawFixed(text: string, context: VariableContext): string {
  const drawn = new Output(drawnBytesMax);
  return text.replace(/\{!([^{}]*)\}/g, (_, specification: string) => {
    drawn.position = 0;
    variableWriter(specification, context)(drawn, context.random, { second: 0, microsecond: 0 });
    return drawn.buffer.toString('utf8', 0, drawn.position);
  });
}

/** Writes one message, without its quotes. */
export function writeMessage(template: Template, out: Output, random: Random, time: TimeSource): void {
  const { literals, variables } = template;
  out.literal(literals[0] as Uint8Array);
  for (let index = 0; index < variables.length; index++) {
    (variables[index] as VariableWriter)(out, random, time);
    out.literal(literals[index + 1] as Uint8Array);
  }
}
