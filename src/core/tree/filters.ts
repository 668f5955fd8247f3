import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { childrenByParent } from './relatives.js';

/** The checkpoints that have no parent in the tree, in its order. @see libvirt `VIR_DOMAIN_CHECKPOINT_LIST_ROOTS` */
export function rootsOf(tree: CheckpointTree): readonly Checkpoint[] {
  return guardInput({ tree }, () => {
    const names = new Set(tree.checkpoints.map(({ name }) => name));
    return tree.checkpoints.filter(({ parent }) => parent === undefined || !names.has(parent));
  });
}

/** The checkpoints without children, in the order of the tree. @see libvirt `VIR_DOMAIN_CHECKPOINT_LIST_LEAVES` */
export function leavesOf(tree: CheckpointTree): readonly Checkpoint[] {
  return guardInput({ tree }, () => {
    const children = childrenByParent(tree);
    return tree.checkpoints.filter(({ name }) => !children.has(name));
  });
}

/** The checkpoints that have children, in the order of the tree. @see libvirt `VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES` */
export function nonLeavesOf(tree: CheckpointTree): readonly Checkpoint[] {
  return guardInput({ tree }, () => {
    const children = childrenByParent(tree);
    return tree.checkpoints.filter(({ name }) => children.has(name));
  });
}
