import { isDeepStrictEqual } from 'node:util';
import { throwProblems } from '../core/error.js';
import { guardInput } from '../core/guard-input.js';
import { type Checkpoint, parseCheckpoint } from '../core/model/checkpoint.js';
import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import { namesIn } from '../core/model/pending-change.js';
import { checkTree } from '../core/model/tree-integrity.js';
import type { Decision } from '../core/plan/reconcile.js';
import type { ResumedChange } from '../core/plan/resume-job.js';
import { problem } from '../core/problem.js';
import { StoreError } from './error.js';
import type { StoredCheckpoints, StoredTree } from './stored-checkpoints.js';

// A file's name has at most 255 bytes, ".json" among them.
const mostNameBytes = 250;

/**
 * Reads a tree that is to be stored. The checkpoints in it that are stored, the very same objects, need no second reading.
 *
 * @throws {@link CheckpointError} as {@link parseCheckpointTree}.
 */
export function readTree({ checkpoints: stored }: StoredTree, input: CheckpointTree): CheckpointTree {
  const known = new Set(stored.checkpoints);
  return guardInput({ tree: input }, () => {
    const { current } = input;
    const checkpoints = input.checkpoints.map((each) => (known.has(each) ? each : parseCheckpoint(each)));
    const tree = { checkpoints, ...(current !== undefined && { current }) };
    throwProblems(checkTree(tree));
    return tree;
  });
}

/**
 * What keeps a tree from being stored in place of another, before anything is written:
 *
 * 1. a new name makes too long a file name;
 * 2. a checkpoint comes or goes that a pending change is about: only a reconciliation may say what becomes of it.
 */
export function checkChange(directory: string, { checkpoints, pending }: StoredTree, next: CheckpointTree): void {
  const before = namesOf(checkpoints);
  const after = namesOf(next);
  // 1
  const tooLong = [...after].filter((name) => !before.has(name) && name.length > mostNameBytes);
  throwProblems(
    tooLong.map((checkpoint) => problem({ code: 'checkpoint-name-too-long', checkpoint, mostBytes: mostNameBytes })),
  );
  // 2
  const unsettled = pending.flatMap(namesIn).filter((name) => before.has(name) !== after.has(name));
  if (unsettled.length > 0) throw new StoreError({ kind: 'unsettled', path: directory, checkpoints: unsettled });
}

/** Whether a reconciliation was made from what is stored: it leads to just those checkpoints that its decisions leave. */
export function isMadeFrom(
  { checkpoints, pending }: StoredTree,
  next: CheckpointTree,
  decisions: readonly Decision[],
): boolean {
  const verdicts = new Map(decisions.map(({ checkpoint, verdict }) => [checkpoint, verdict]));
  const pendingNames = new Set(pending.flatMap(namesIn));
  if (decisions.some(({ checkpoint }) => !pendingNames.has(checkpoint))) return false;
  const kept = checkpoints.checkpoints.filter(({ name }) => !isDropped(verdicts.get(name)));
  const made = pending.flatMap((change) => (change.kind === 'create' ? [change.checkpoint] : []));
  const confirmed = made.filter(({ name }) => verdicts.get(name) === 'confirm');
  const expected = new Map([...kept, ...confirmed].map((checkpoint) => [checkpoint.name, checkpoint]));
  const { checkpoints: left } = next;
  return left.length === expected.size && left.every((one) => isSameButForParent(one, expected.get(one.name)));
}

/** Whether a resumption was made from what is stored: what it ends is noted, and only where checkpoints were made has changed. */
export function isResumedFrom(
  { checkpoints: { checkpoints }, chainChanges }: StoredCheckpoints,
  next: CheckpointTree,
  changes: readonly ResumedChange[],
): boolean {
  const isNoted = ({ pending }: ResumedChange) =>
    pending === undefined || chainChanges.some((note) => isDeepStrictEqual(note, pending));
  if (!changes.every(isNoted)) return false;
  const withoutDisks = (checkpoint: Checkpoint) => ({ ...checkpoint, disks: [], parent: '' });
  const stored = new Map(checkpoints.map((checkpoint) => [checkpoint.name, withoutDisks(checkpoint)]));
  const mayEnd = changes.some(({ pending }) => pending !== undefined && pending.ended.length > 0);
  if (!mayEnd && next.checkpoints.length !== stored.size) return false;
  return next.checkpoints.every((one) => isDeepStrictEqual(withoutDisks(one), stored.get(one.name)));
}

function isDropped(verdict: string | undefined): boolean {
  return verdict === 'drop' || verdict === 'remove';
}

function isSameButForParent(one: Checkpoint, other: Checkpoint | undefined): boolean {
  return other !== undefined && isDeepStrictEqual({ ...one, parent: '' }, { ...other, parent: '' });
}

function namesOf(tree: CheckpointTree): ReadonlySet<string> {
  return new Set(tree.checkpoints.map(({ name }) => name));
}
