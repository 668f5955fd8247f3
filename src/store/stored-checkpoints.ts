import { throwProblems } from '../core/error.js';
import type { Backup } from '../core/model/backup.js';
import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import type { PendingChainChange } from '../core/model/pending-chain-change.js';
import type { PendingChange } from '../core/model/pending-change.js';
import { checkTree } from '../core/model/tree-integrity.js';
import type { CheckpointRecord } from './record.js';

/** What a store holds. */
export interface StoredCheckpoints {
  /** The tree, with those that are being deleted and without those that are being made. */
  readonly checkpoints: CheckpointTree;
  /** What was begun and not settled, the oldest first: see {@link planReconcile}. */
  readonly pending: readonly PendingChange[];
  /** What was begun on the layers of disks and has not ended: see {@link planResumeJob}. */
  readonly chainChanges: readonly PendingChainChange[];
  /** The backup that was begun and has not ended: see {@link planEndBackup}. */
  readonly backup?: Backup;
}

/** What the files of its checkpoints say. */
export type StoredTree = Omit<StoredCheckpoints, 'chainChanges' | 'backup'>;

/**
 * What the files of a store say together; for the same records the same value.
 *
 * @throws {@link CheckpointError} where they are no tree.
 */
export function storedCheckpoints(records: readonly CheckpointRecord[]): StoredTree {
  const known = ofRecords.get(records);
  if (known !== undefined) return known;
  const ordered = inOrder(records);
  const checkpoints = ordered.filter(({ state }) => state !== 'pending').map(({ checkpoint }) => checkpoint);
  const current = newestMark(records)?.current;
  const tree = Object.freeze({ checkpoints: Object.freeze(checkpoints), ...(current !== undefined && { current }) });
  throwProblems(checkTree(tree));
  const pending = ordered.flatMap((record): readonly PendingChange[] => {
    if (record.state === 'deleting') return [record.deletion];
    return record.state === 'pending' ? [{ kind: 'create', checkpoint: record.checkpoint }] : [];
  });
  const stored = Object.freeze({ checkpoints: tree, pending: Object.freeze(pending) });
  ofRecords.set(records, stored);
  return stored;
}

const ofRecords = new WeakMap<readonly CheckpointRecord[], StoredTree>();

/** Records in the order of the tree. */
export function inOrder<R extends CheckpointRecord>(records: readonly R[]): readonly R[] {
  return records.toSorted((one, other) => one.order - other.order || (nameOf(one) < nameOf(other) ? -1 : 1));
}

function nameOf({ checkpoint }: CheckpointRecord): string {
  return checkpoint.name;
}

/** What was last said of who is current: a name, or none, and in which record; `undefined` where nothing ever was. */
export interface Mark {
  readonly number: number;
  readonly holder: string;
  /** Absent: no checkpoint is current. */
  readonly current?: string;
}

export function newestMark(records: readonly CheckpointRecord[]): Mark | undefined {
  let newest: Mark | undefined;
  for (const { current, noCurrent, checkpoint } of records) {
    const number = Math.max(current ?? 0, noCurrent ?? 0);
    if (number <= (newest?.number ?? 0)) continue;
    const { name: holder } = checkpoint;
    newest = { number, holder, ...(current === number && { current: holder }) };
  }
  return newest;
}
