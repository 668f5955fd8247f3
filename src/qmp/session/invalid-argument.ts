import { CheckpointError } from '../../core/error.js';
import { problem } from '../../core/problem.js';

/** The error for an argument that a caller can only have passed by mistake. Its value is not told: it may be a secret. */
export function invalidArgument(subject: string, expected: string, options?: ErrorOptions): CheckpointError {
  return new CheckpointError([problem({ code: 'invalid-input', subject, path: [], expected })], options);
}
