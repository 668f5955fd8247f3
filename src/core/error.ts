import type { Problem } from './problem.js';

const brand = Symbol.for('qemu-checkpoint.error');

/**
 * Thrown when something cannot be done, with every reason at once.
 *
 * The message holds the problems' texts, one a line. Nothing was sent and nothing was changed.
 */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  /** At least one, in the order they were found. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], options?: ErrorOptions) {
    super(problems.map(({ text }) => text).join('\n'), options);
    this.problems = problems;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether a caught value is a {@link CheckpointError}.
 *
 * Good across the ESM and CommonJS builds, whose classes differ: `instanceof` is not.
 *
 * @example
 * ```ts
 * try {
 *   parseCheckpointTree(null);
 * } catch (error) {
 *   if (isCheckpointError(error)) error.problems[0]?.code; // 'invalid-input'
 * }
 * ```
 */
export function isCheckpointError(value: unknown): value is CheckpointError {
  return value instanceof Error && brand in value;
}

/** Throws all problems as one error; does nothing where there are none. */
export function throwProblems(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new CheckpointError(problems);
}
