import type * as z from 'zod';
import { CheckpointError } from '../error.js';
import { type Problem, problem } from '../problem.js';

/**
 * Runs a schema over a value of any kind and gives its faults as problems, so that zod stays behind this door.
 *
 * @throws {@link CheckpointError} with `invalid-input` for each fault.
 */
export function parseWith<T>(schema: z.ZodType<T>, input: unknown, subject: string): T {
  const result = read(() => {
    const { data, error } = schema.safeParse(input);
    // The issues look at the input once more when they are first asked for.
    return error === undefined ? { data: data as T } : { issues: error.issues };
  }, subject);
  if ('data' in result) return result.data;
  throw new CheckpointError(result.issues.map((issue) => invalidInput(subject, issue)));
}

/** A getter or a proxy of the caller's may throw while it is read, and a value nested too deep exhausts the stack. */
function read<T>(parse: () => T, subject: string): T {
  try {
    return parse();
  } catch (cause) {
    const expected = cause instanceof Error ? `cannot be read (${cause.message})` : 'cannot be read';
    throw new CheckpointError([problem({ code: 'invalid-input', subject, path: [], expected })], { cause });
  }
}

function invalidInput(subject: string, issue: z.core.$ZodIssue): Problem {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  return problem({ code: 'invalid-input', subject, path, expected: expectation(issue) });
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return isNumber(issue.expected) ? 'must be a safe integer' : `must be of type ${issue.expected}`;
    case 'too_small':
      return `must be at least ${issue.minimum}${issue.origin === 'string' ? ' character long' : ''}`;
    case 'too_big':
      return issue.origin === 'int' ? 'must be a safe integer' : `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'custom':
      return issue.message;
    default:
      return 'is not of the expected form';
  }
}

function isNumber(kind: string): boolean {
  return kind === 'int' || kind === 'number';
}
