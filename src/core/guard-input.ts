import { CheckpointError, isCheckpointError } from './error.js';
import { parseCheckpoint } from './model/checkpoint.js';
import { parseCheckpointDefinition } from './model/checkpoint-definition.js';
import { parseCheckpointTree } from './model/checkpoint-tree.js';
import { parseDomain } from './model/domain.js';
import { problem } from './problem.js';

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
export function guardInput<T>(values: { readonly [K in keyof typeof parsers]?: unknown }, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (isCheckpointError(cause)) throw cause;
    for (const kind of Object.keys(values) as (keyof typeof parsers)[]) parsers[kind](values[kind]);
    const expected = 'must be of the kinds the documentation names';
    throw new CheckpointError([problem({ code: 'invalid-input', subject: 'arguments', path: [], expected })], {
      cause,
    });
  }
}
