import { guardInput } from '../guard-input.js';
import { type Checkpoint, parseCheckpoint, parseCheckpoints } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { repeated } from '../model/disk-integrity.js';
import { type Domain, findDisk } from '../model/domain.js';
import { checkTree } from '../model/tree-integrity.js';
import { type Problem, problem } from '../problem.js';
import { type BitmapOwners, bitmapOwners } from '../tree/bitmap-owners.js';
import { putCheckpoints } from '../tree/edit-tree.js';
import { inTopologicalOrder } from '../tree/topological-order.js';
import { checkBitmapChain } from './bitmap-chain.js';

export interface RedefineOptions {
  /** Refuse a checkpoint whose bitmaps cannot be used on a disk that is in the domain. Default: bitmaps are not looked at. */
  readonly validate?: boolean;
}

/**
 * Lists everything that keeps the metadata of checkpoints from being put back.
 *
 * @param checkpoint - One, or many in any order.
 * @returns The problems of {@link planRedefineCheckpoint}; none where it can be put back.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and checkpoints.
 * @example
 * ```ts
 * const friday = { name: 'friday', creationTimeSeconds: 1700000000, disks: [{ diskTarget: 'vda', bitmap: 'friday' }] };
 * checkRedefineCheckpoint(domain, friday, { validate: true }).map(({ code }) => code); // ['bitmap-missing']
 * ```
 * @see libvirt `virDomainCheckpointRedefinePrep`, `qemuCheckpointRedefineValidateBitmaps`
 */
export function checkRedefineCheckpoint(
  domain: Domain,
  checkpoint: Checkpoint | readonly Checkpoint[],
  options: RedefineOptions = {},
): readonly Problem[] {
  return guardInput({ domain }, () => examineRedefine(domain, checkpoint, options).problems);
}

/**
 * The tree with the checkpoints put back, parents before children whatever the order they came in, and what is wrong with
 * it by these rules:
 *
 * 1. the checkpoints are well-formed, and none comes twice;
 * 2. each parent is in the tree or comes along, and none is its own ancestor;
 * 3. no bitmap belongs to two checkpoints;
 * 4. with `validate`, the bitmaps are usable on every disk that is in the domain.
 *
 * A checkpoint becomes current if its parent is current, or if there is no current one.
 */
export function examineRedefine(
  domain: Domain,
  input: Checkpoint | readonly Checkpoint[],
  { validate = false }: RedefineOptions,
): { readonly tree: CheckpointTree; readonly problems: readonly Problem[] } {
  // 1
  const checkpoints = isList(input) ? parseCheckpoints(input) : [parseCheckpoint(input)];
  const twice = repeated(checkpoints.map(({ name }) => name));
  const problems = twice.map((checkpoint) => problem({ code: 'checkpoint-duplicate', checkpoint }));
  const tree = putBack(domain.checkpoints, inTopologicalOrder({ checkpoints }));
  // 2
  problems.push(...checkTree(tree));
  const ownersOf = bitmapOwners(tree.checkpoints);
  for (const checkpoint of checkpoints) {
    // 3
    problems.push(...checkOwners(ownersOf, checkpoint));
    // 4
    if (validate) problems.push(...checkChains(domain, checkpoint));
  }
  return { tree, problems };
}

function isList(input: Checkpoint | readonly Checkpoint[]): input is readonly Checkpoint[] {
  return Array.isArray(input);
}

function putBack(tree: CheckpointTree, ordered: readonly Checkpoint[]): CheckpointTree {
  let { current } = tree;
  for (const { name, parent } of ordered) if (current === undefined || current === parent) current = name;
  return putCheckpoints(tree, ordered, current);
}

function checkOwners(ownersOf: BitmapOwners, checkpoint: Checkpoint): readonly Problem[] {
  return checkpoint.disks.flatMap(({ diskTarget, bitmap }) => {
    if (bitmap === undefined) return [];
    const owner = ownersOf(diskTarget, bitmap).find((name) => name !== checkpoint.name);
    return owner === undefined ? [] : [problem({ code: 'bitmap-claimed', diskTarget, bitmap, checkpoint: owner })];
  });
}

function checkChains(domain: Domain, checkpoint: Checkpoint): readonly Problem[] {
  return checkpoint.disks.flatMap(({ diskTarget, bitmap, madeOn }) => {
    const disk = findDisk(domain, diskTarget);
    if (bitmap === undefined || disk === undefined) return [];
    return checkBitmapChain(disk.backingChain, bitmap, { diskTarget, ...(madeOn !== undefined && { madeOn }) });
  });
}
