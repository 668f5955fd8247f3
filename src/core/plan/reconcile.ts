import { checkRemovals, isFileNodeNamed } from '../check/bitmap-removal.js';
import { type Findings, findCreated, findDoomed, layersLeftWritable } from '../check/pending-change.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import type { Domain } from '../model/domain.js';
import {
  type PendingChange,
  type PendingCreate,
  type PendingDelete,
  parsePendingChange,
} from '../model/pending-change.js';
import { type Problem, problem } from '../problem.js';
import { putCheckpoints, removeCheckpoints } from '../tree/edit-tree.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import { closeStep, removalSteps } from './bitmap-removal.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/** A plan that ends what was begun, and what was decided about each checkpoint. */
export interface Reconciliation extends Plan {
  /** One for each checkpoint that a pending change is about, in their order. */
  readonly decisions: readonly Decision[];
}

/** What was decided about one checkpoint, and why. */
export interface Decision {
  readonly checkpoint: string;
  /** What was begun. */
  readonly change: 'create' | 'delete';
  /**
   * `confirm`: it was made; `drop`: it is not there, so its metadata goes; `remove`: a part of it is there, which the steps
   * remove, and its metadata goes; `keep`: it was not deleted; `undecided`: nothing can be told, the change stays pending.
   */
  readonly verdict: 'confirm' | 'drop' | 'remove' | 'keep' | 'undecided';
  /** One sentence for people. */
  readonly why: string;
}

export interface ReconcileOptions {
  /**
   * Drop what is undecided because none of its disks can be looked at: they will not come back. Bitmaps may be left on
   * their images. Default: it stays pending.
   */
  readonly dropUndecided?: boolean;
}

/**
 * Plans how what was begun and perhaps not ended comes to an end, so that metadata and disks agree.
 *
 * A transaction happens as a whole, so the disks tell whether it did. Where they show a part, QEMU itself died meanwhile; a
 * part of a checkpoint is of no use to anyone. By these rules:
 *
 * 1. only disks that are in the domain with a medium are looked at, on every layer; for a create no lower than the layer
 *    it was made on; a bitmap that another checkpoint names is not this one's;
 * 2. where a change has bitmaps but none of its disks can be looked at, nothing is decided;
 * 3. a create whose bitmaps are all there is confirmed: the checkpoint is put at the end of the tree and becomes current,
 *    unless the current one is younger; a parent that is no longer there is left out;
 * 4. a create with no bitmap there is dropped;
 * 5. a create with some is dropped and those are removed;
 * 6. a delete with no bitmap left is ended: the metadata is dropped;
 * 7. a delete of which nothing is gone, neither bitmaps nor metadata, had not begun: the checkpoints are kept;
 * 8. any other delete is ended: what is left is removed, the metadata is dropped;
 * 9. a layer that a delete opened for writing and that still is, is made read-only again, whatever becomes of the delete: a
 *    crash of QEMU would cost all its bitmaps. The active layer of a writable disk is left alone;
 * 10. children of a checkpoint that is dropped, and the mark of the current one, go to the nearest ancestor that stays.
 *
 * Once the steps have run and the outcome is saved, nothing is left to do; and where the process dies in between, to
 * reconcile again ends in the same way.
 *
 * @param domain - The domain as observed just now. Its tree holds the checkpoints that are being deleted, and not those that
 * are being made. Not modified.
 * @param pending - What was begun, the oldest first.
 * @returns The steps in the order to run them, the domain once they have all succeeded, and the decisions. Disks that cannot
 * be looked at and bitmaps of others are told in `warnings` (`disk-gone`, `disk-empty`, `bitmap-claimed`).
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `bitmap-busy`: a job or an export holds a bitmap that is to go;
 * - `node-not-reopenable`: a read-only layer has one and cannot be opened for writing;
 * - `node-left-writable`: a layer is to be made read-only again and cannot;
 * - `invalid-input`: the arguments are not a domain and pending changes at all.
 *
 * @example
 * ```ts
 * const tuesday = { kind: 'create', checkpoint: findCheckpoint(domain.checkpoints, 'tuesday')! } as const;
 * const before = { ...domain, checkpoints: planDeleteCheckpoint(domain, 'tuesday').next.checkpoints };
 * const { steps, next, decisions } = planReconcile(before, [tuesday]);
 * steps; // []
 * decisions[0]?.verdict; // 'confirm'
 * next.checkpoints.current; // 'tuesday'
 * ```
 */
export function planReconcile(
  domain: Domain,
  pending: readonly PendingChange[],
  options: ReconcileOptions = {},
): Reconciliation {
  return guardInput({ domain }, () => {
    const { dropUndecided = false } = options;
    let now = domain;
    const steps: Step[] = [];
    const warnings: Problem[] = [];
    const problems: Problem[] = [];
    const decisions: Decision[] = [];
    for (const change of pending.map(parsePendingChange)) {
      const end =
        change.kind === 'create' ? endCreate(now, change, dropUndecided) : endDelete(now, change, dropUndecided);
      steps.push(...end.steps);
      warnings.push(...end.warnings);
      problems.push(...end.problems);
      decisions.push(...end.decisions);
      now = finishPlan(now, end.steps, end.checkpoints).next;
    }
    throwProblems(problems);
    return { ...finishPlan(domain, steps, now.checkpoints, warnings), decisions };
  });
}

/** How one change comes to its end. */
interface End {
  readonly steps: readonly Step[];
  readonly checkpoints: CheckpointTree;
  readonly decisions: readonly Decision[];
  readonly warnings: readonly Problem[];
  readonly problems: readonly Problem[];
}

function endCreate(domain: Domain, change: PendingCreate, dropUndecided: boolean): End {
  const { checkpoint } = change;
  // 1
  const found = findCreated(domain, change);
  const { verdict, why } = judgeCreate(found, dropUndecided);
  const decisions = [{ checkpoint: checkpoint.name, change: 'create', verdict, why }] as const;
  const checkpoints = verdict === 'confirm' ? withConfirmed(domain.checkpoints, checkpoint) : domain.checkpoints;
  const removal = verdict === 'remove' ? removalOf(domain, found, [checkpoint.name]) : nothing;
  return { ...removal, checkpoints, decisions, warnings: found.warnings };
}

function endDelete(domain: Domain, change: PendingDelete, dropUndecided: boolean): End {
  const names = change.checkpoints;
  // 1
  const found = findDoomed(domain, change);
  const untouched = names.every((name) => findCheckpoint(domain.checkpoints, name) !== undefined);
  const { verdict, why } = judgeDelete(found, untouched, dropUndecided);
  const decisions = names.map((checkpoint) => ({ checkpoint, change: 'delete', verdict, why }) as const);
  const stays = verdict === 'keep' || verdict === 'undecided';
  // 10
  const checkpoints = stays ? domain.checkpoints : removeCheckpoints(domain.checkpoints, new Set(names));
  const removal = verdict === 'remove' ? removalOf(domain, found, names) : nothing;
  // 9
  const left = layersLeftWritable(domain, change);
  const unclosable = left.filter(([, { node }]) => !isFileNodeNamed(node));
  const problems = unclosable.map(
    ([
      diskTarget,
      {
        node: { nodeName },
      },
    ]) => problem({ code: 'node-left-writable', diskTarget, nodeName }),
  );
  return {
    steps: [...removal.steps, ...left.map(closeStep)],
    checkpoints,
    decisions,
    warnings: found.warnings,
    problems: [...removal.problems, ...problems],
  };
}

type Judgement = Pick<Decision, 'verdict' | 'why'>;

function judgeCreate({ bitmaps, unseen }: Findings, dropUndecided: boolean): Judgement {
  const has = bitmaps.filter(({ layers }) => layers.length > 0);
  const lacks = bitmaps.filter(({ layers }) => layers.length === 0);
  // 2
  if (bitmaps.length === 0 && unseen.length > 0) return judgeUnseen(unseen, dropUndecided);
  // 3
  if (lacks.length === 0) {
    return { verdict: 'confirm', why: 'Every disk of it that can be looked at has its bitmap: it was made.' };
  }
  // 4
  if (has.length === 0) {
    return { verdict: 'drop', why: 'No disk of it that can be looked at has its bitmap: it was not made.' };
  }
  // 5
  const why = `Its bitmap is on ${disksOf(has)} but not on ${disksOf(lacks)}: a part of a checkpoint is of no use.`;
  return { verdict: 'remove', why };
}

function judgeDelete({ bitmaps, unseen }: Findings, untouched: boolean, dropUndecided: boolean): Judgement {
  // 2
  if (bitmaps.length === 0 && unseen.length > 0) return judgeUnseen(unseen, dropUndecided);
  // 6
  if (bitmaps.every(({ layers }) => layers.length === 0)) {
    return { verdict: 'drop', why: 'No bitmap that was to be removed is there any more: it was deleted.' };
  }
  // 7
  if (untouched && bitmaps.every(({ layers, whole }) => layers.length >= whole)) {
    return { verdict: 'keep', why: 'Every bitmap that was to be removed is still there: nothing was deleted.' };
  }
  // 8
  return { verdict: 'remove', why: 'A part of what was to be deleted is gone: the rest of it goes too.' };
}

function judgeUnseen(unseen: readonly string[], dropUndecided: boolean): Judgement {
  const which = `None of its disks (${unseen.join(', ')}) is in the domain with a medium`;
  return dropUndecided
    ? { verdict: 'drop', why: `${which}, and it is to be dropped: bitmaps may be left on their images.` }
    : { verdict: 'undecided', why: `${which}: nothing can be told until one of them is back.` };
}

function disksOf(bitmaps: readonly { readonly diskTarget: string }[]): string {
  return `disk ${bitmaps.map(({ diskTarget }) => diskTarget).join(', ')}`;
}

function withConfirmed(tree: CheckpointTree, made: Checkpoint): CheckpointTree {
  const { parent, ...root } = made;
  const checkpoint = parent === undefined || findCheckpoint(tree, parent) === undefined ? root : made;
  const current = tree.current === undefined ? undefined : findCheckpoint(tree, tree.current);
  const isYounger = current !== undefined && current.creationTimeSeconds > made.creationTimeSeconds;
  return putCheckpoints(tree, [checkpoint], isYounger ? current.name : made.name);
}

const nothing = { steps: [], problems: [] } as const;

function removalOf(
  domain: Domain,
  { bitmaps }: Findings,
  names: readonly string[],
): { readonly steps: readonly Step[]; readonly problems: readonly Problem[] } {
  const left = bitmaps.filter(({ layers }) => layers.length > 0);
  const whose = names.map((name) => `"${name}"`).join(', ');
  const why = `Remove what is left of the bitmaps of checkpoint ${whose} from every layer that has them.`;
  return { steps: removalSteps(domain, left, why), problems: checkRemovals(left) };
}
