/** What is wrong with a body: the member, and what it has to be, in words of our own. */
import type { z } from 'zod';

const KINDS: Record<string, string> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** The text of the first issue, such as `query.size: has to be a whole number, not a text`. */
export function wrongMember(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'the body is not as it has to be';
  const place = issue.path.join('.');
  return `${place || 'the body'}: ${what(issue)}`;
}

function what(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const received = /received (\w+)/.exec(issue.message)?.[1];
      const wanted = KINDS[issue.expected] ?? issue.expected;
      if (issue.expected === 'int' && received === 'number') return 'has to be a whole number';
      if (received === 'undefined') return `is missing; it has to be ${wanted}`;
      return `has to be ${wanted}${received ? `, not ${KINDS[received] ?? received}` : ''}`;
    }
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') {
        return issue.minimum === 1 ? 'is empty' : `has to have at least ${issue.minimum} items`;
      }
      return `has to be at least ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string' || issue.origin === 'array') return `may have ${issue.maximum} items`;
      return `may be at most ${issue.maximum}`;
    case 'invalid_value':
      return `has to be one of ${issue.values.map((value) => `'${String(value)}'`).join(', ')}`;
    case 'unrecognized_keys':
      return `has unknown members: ${issue.keys.join(', ')}`;
    case 'custom':
      return issue.message;
    default:
      return 'is not of the form that it has to be';
  }
}
