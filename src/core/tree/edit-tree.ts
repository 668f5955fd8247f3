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

/** The tree without the named checkpoints; children that stay get a new parent. */
export function removeCheckpoints(
  tree: CheckpointTree,
  gone: ReadonlySet<string>,
  change: { readonly parentOfOrphans?: string | undefined; readonly current?: string | undefined },
): CheckpointTree {
  const kept = { ...tree, checkpoints: tree.checkpoints.filter(({ name }) => !gone.has(name)) };
  const orphans = kept.checkpoints.flatMap(({ parent }, place) =>
    parent !== undefined && gone.has(parent) ? [place] : [],
  );
  const adopted = produce(kept, (draft) => {
    for (const place of orphans) {
      const orphan = draft.checkpoints[place];
      if (orphan === undefined) continue;
      if (change.parentOfOrphans === undefined) delete orphan.parent;
      else orphan.parent = change.parentOfOrphans;
    }
  });
  return withCurrent(adopted, change.current);
}

function withCurrent(tree: CheckpointTree, current: string | undefined): CheckpointTree {
  const { checkpoints } = tree;
  return current === undefined ? { checkpoints } : { checkpoints, current };
}
