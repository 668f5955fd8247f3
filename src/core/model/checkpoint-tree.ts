import * as z from 'zod';
import { throwProblems } from '../error.js';
import { type Checkpoint, checkpointNameSchema, checkpointSchema } from './checkpoint.js';
import { frozen } from './frozen.js';
import { parseWith } from './parse-with.js';
import { checkTree } from './tree-integrity.js';

/** All checkpoints of one domain. */
export interface CheckpointTree {
  /** In the order they were made or put back. */
  readonly checkpoints: readonly Checkpoint[];
  /** Name of the checkpoint the next one hangs from; absent where there is none. */
  readonly current?: string;
}

export const checkpointTreeSchema = frozen(
  z.object({
    checkpoints: frozen(z.array(checkpointSchema)),
    current: z.exactOptional(checkpointNameSchema),
  }),
) satisfies z.ZodType<CheckpointTree>;

/**
 * Reads the checkpoints of a domain from a value of any kind, as `plan.next.checkpoints` was stored.
 *
 * @returns A frozen copy; members it does not know are left out.
 * @throws {@link CheckpointError} with every applicable problem:
 * - `invalid-input`: something is not of the right kind, its path is told;
 * - `checkpoint-duplicate`, `disk-asked-twice`: a name is there twice;
 * - `parent-not-found`, `parent-cycle`, `current-not-found`: the checkpoints do not hang together.
 * @example
 * ```ts
 * parseCheckpointTree({ checkpoints: [] }); // { checkpoints: [] }
 * ```
 */
export function parseCheckpointTree(input: unknown): CheckpointTree {
  const tree = parseWith(checkpointTreeSchema, input, 'tree');
  throwProblems(checkTree(tree));
  return tree;
}
