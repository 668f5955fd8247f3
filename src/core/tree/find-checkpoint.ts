import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';

/**
 * Finds a checkpoint by its name.
 *
 * @returns The checkpoint, or `undefined` where the tree has none of that name.
 * @example
 * ```ts
 * findCheckpoint(domain.checkpoints, 'monday')?.parent; // undefined: it is a root
 * ```
 */
export function findCheckpoint(tree: CheckpointTree, name: string): Checkpoint | undefined {
  return guardInput({ tree }, () => {
    const index = indexOf(tree.checkpoints);
    if (index !== undefined) return index.byName.get(name);
    return tree.checkpoints.find((checkpoint) => checkpoint.name === name);
  });
}

/**
 * The checkpoints that may own a bitmap of one of these names: those so called, and those whose bitmaps have names of
 * their own.
 */
export function possibleOwners(tree: CheckpointTree, bitmaps: ReadonlySet<string>): readonly Checkpoint[] {
  const index = indexOf(tree.checkpoints);
  if (index === undefined) return tree.checkpoints;
  return [...index.withOwnNames, ...[...bitmaps].flatMap((name) => index.byName.get(name) ?? [])];
}

interface Index {
  readonly byName: ReadonlyMap<string, Checkpoint>;
  readonly withOwnNames: readonly Checkpoint[];
}

const indexes = new WeakMap<readonly Checkpoint[], Index>();

/**
 * The index of a list of checkpoints, made when first asked for. Only a frozen list can be remembered, such as every
 * parseX gives: one that can still change would make the index lie.
 */
function indexOf(checkpoints: readonly Checkpoint[]): Index | undefined {
  if (!Object.isFrozen(checkpoints)) return undefined;
  const known = indexes.get(checkpoints);
  if (known !== undefined || !checkpoints.every(isFrozen)) return known;
  // Of two checkpoints of one name the first is found, as by a search from the front.
  const byName = new Map(checkpoints.toReversed().map((checkpoint) => [checkpoint.name, checkpoint]));
  const withOwnNames = checkpoints.filter(({ name, disks }) =>
    disks.some(({ bitmap }) => bitmap !== undefined && bitmap !== name),
  );
  const index = { byName, withOwnNames };
  indexes.set(checkpoints, index);
  return index;
}

function isFrozen(checkpoint: Checkpoint): boolean {
  return Object.isFrozen(checkpoint) && Object.isFrozen(checkpoint.disks) && checkpoint.disks.every(Object.isFrozen);
}
