import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { findCheckpoint } from './find-checkpoint.js';

/** The checkpoint that was current when this one was made; `undefined` for a root and for a name that is not in the tree. */
export function parentOf(tree: CheckpointTree, name: string): Checkpoint | undefined {
  const parent = findCheckpoint(tree, name)?.parent;
  return parent === undefined ? undefined : findCheckpoint(tree, parent);
}

/** The checkpoints whose parent this one is, in the order of the tree. */
export function childrenOf(tree: CheckpointTree, name: string): readonly Checkpoint[] {
  return guardInput({ tree }, () => tree.checkpoints.filter(({ parent }) => parent === name));
}

/** The parent, its parent, and so on up to a root; the nearest first. */
export function ancestorsOf(tree: CheckpointTree, name: string): readonly Checkpoint[] {
  return guardInput({ tree }, () => {
    const byName = new Map(tree.checkpoints.map((checkpoint) => [checkpoint.name, checkpoint]));
    const lineage = new Set<Checkpoint>();
    let next = byName.get(name);
    while (next !== undefined && !lineage.has(next)) {
      lineage.add(next);
      next = next.parent === undefined ? undefined : byName.get(next.parent);
    }
    return [...lineage].slice(1);
  });
}

/** The children, their children, and so on; each after its parent. */
export function descendantsOf(tree: CheckpointTree, name: string): readonly Checkpoint[] {
  return guardInput({ tree }, () => {
    const children = childrenByParent(tree);
    const found = new Set(children.get(name));
    // A set hands out what is added to it while it is walked over.
    for (const checkpoint of found) for (const child of children.get(checkpoint.name) ?? []) found.add(child);
    return [...found].filter((checkpoint) => checkpoint.name !== name);
  });
}

/** The children of every checkpoint that has some, in the order of the tree. */
export function childrenByParent(tree: CheckpointTree): ReadonlyMap<string, readonly Checkpoint[]> {
  const children = new Map<string, Checkpoint[]>();
  for (const checkpoint of tree.checkpoints) {
    if (checkpoint.parent === undefined) continue;
    const siblings = children.get(checkpoint.parent);
    if (siblings === undefined) children.set(checkpoint.parent, [checkpoint]);
    else siblings.push(checkpoint);
  }
  return children;
}
