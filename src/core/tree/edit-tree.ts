import { Immer } from 'immer';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';

// Immer's default freezes the caller's own objects.
const { produce } = new Immer({ autoFreeze: false });

/** The tree with one more checkpoint, which becomes current. */
export function addCheckpoint(tree: CheckpointTree, checkpoint: Checkpoint): CheckpointTree {
  return { ...tree, checkpoints: [...tree.checkpoints, checkpoint], current: checkpoint.name };
}

/** The tree with checkpoints put in the places of their namesakes, or else at the end. */
export function putCheckpoints(tree: CheckpointTree, put: readonly Checkpoint[], current?: string): CheckpointTree {
  const byName = new Map(put.map((checkpoint) => [checkpoint.name, checkpoint]));
  const present = new Set(tree.checkpoints.map(({ name }) => name));
  const replaced = tree.checkpoints.map((checkpoint) => byName.get(checkpoint.name) ?? checkpoint);
  const added = [...byName.values()].filter(({ name }) => !present.has(name));
  return withCurrent({ ...tree, checkpoints: [...replaced, ...added] }, current);
}

/** The tree without the named checkpoints: their children, and who is current, are left to the nearest ancestor that stays. */
export function removeCheckpoints(tree: CheckpointTree, gone: ReadonlySet<string>): CheckpointTree {
  const heirOf = heirsIn(tree, gone);
  const kept = { ...tree, checkpoints: tree.checkpoints.filter(({ name }) => !gone.has(name)) };
  const orphans = kept.checkpoints.flatMap(({ parent }, place) =>
    parent !== undefined && gone.has(parent) ? [place] : [],
  );
  const adopted = produce(kept, (draft) => {
    for (const place of orphans) {
      const orphan = draft.checkpoints[place];
      if (orphan === undefined) continue;
      const parent = heirOf(orphan.parent);
      if (parent === undefined) delete orphan.parent;
      else orphan.parent = parent;
    }
  });
  return withCurrent(adopted, heirOf(tree.current));
}

function heirsIn(tree: CheckpointTree, gone: ReadonlySet<string>): (name: string | undefined) => string | undefined {
  const parents = new Map(tree.checkpoints.map(({ name, parent }) => [name, parent]));
  return (name) => {
    const passed = new Set<string>();
    let heir = name;
    // In a tree that was never parsed the ancestors may go round in a circle.
    while (heir !== undefined && gone.has(heir) && !passed.has(heir)) {
      passed.add(heir);
      heir = parents.get(heir);
    }
    return heir !== undefined && gone.has(heir) ? undefined : heir;
  };
}

function withCurrent(tree: CheckpointTree, current: string | undefined): CheckpointTree {
  const { checkpoints } = tree;
  return current === undefined ? { checkpoints } : { checkpoints, current };
}
