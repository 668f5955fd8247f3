import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';

/**
 * All checkpoints, each after its parent; otherwise in the order of the tree.
 *
 * @example
 * ```ts
 * inTopologicalOrder(domain.checkpoints).map(({ name }) => name); // ['monday', 'tuesday']
 * ```
 * @see libvirt `VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL`
 */
export function inTopologicalOrder(tree: CheckpointTree): readonly Checkpoint[] {
  return guardInput({ tree }, () => {
    const byName = new Map(tree.checkpoints.map((checkpoint) => [checkpoint.name, checkpoint]));
    const ordered = new Set<Checkpoint>();
    for (const start of tree.checkpoints) {
      // Up to an ancestor that is in its place, then down again: no recursion, since a tree may be thousands deep.
      const path = new Set<Checkpoint>();
      let next: Checkpoint | undefined = start;
      while (next !== undefined && !ordered.has(next) && !path.has(next)) {
        path.add(next);
        next = next.parent === undefined ? undefined : byName.get(next.parent);
      }
      for (const checkpoint of [...path].reverse()) ordered.add(checkpoint);
    }
    return [...ordered];
  });
}
