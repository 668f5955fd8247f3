import { CheckpointError, isCheckpointError } from './error.js';
import { parseCheckpoint } from './model/checkpoint.js';
import { parseCheckpointDefinition } from './model/checkpoint-definition.js';
import { parseCheckpointTree } from './model/checkpoint-tree.js';
import { parseDomain } from './model/domain.js';
import { type Problem, problem } from './problem.js';

const parsers = {
  domain: parseDomain,
  definition: parseCheckpointDefinition,
  tree: parseCheckpointTree,
  checkpoint: parseCheckpoint,
};

/**
 * Runs a function on values that its types say were parsed, and tells what is wrong with them where it stumbles.
 *
 * From JavaScript anything can be passed. Parsing everything once more on each call would cost more than the planning, so
 * it is done only when something went wrong.
 *
 * @throws {@link CheckpointError} with `invalid-input` for each fault of the values; its `cause` is what was stumbled over.
 */
export function guardInput<T>(values: GuardedValues, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    // One that has a cause of its own stumbled over a part of these values; their faults tell the whole path to it.
    if (isCheckpointError(cause) && cause.cause === undefined) throw cause;
    const problems = faultsOf(values);
    if (problems.length > 0) throw new CheckpointError(problems, { cause });
    if (isCheckpointError(cause)) throw cause;
    const expected = 'must be of the kinds the documentation names';
    throw new CheckpointError([problem({ code: 'invalid-input', subject: 'arguments', path: [], expected })], {
      cause,
    });
  }
}

type GuardedValues = { readonly [K in keyof typeof parsers]?: unknown };

function faultsOf(values: GuardedValues): readonly Problem[] {
  return (Object.keys(values) as (keyof typeof parsers)[]).flatMap((kind) => {
    try {
      parsers[kind](values[kind]);
      return [];
    } catch (error) {
      if (!isCheckpointError(error)) throw error;
      return error.problems;
    }
  });
}
