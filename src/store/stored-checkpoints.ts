import { type CheckpointTree, parseCheckpointTree } from '../core/model/checkpoint-tree.js';
import type { PendingChange } from '../core/model/pending-change.js';
import type { CheckpointRecord } from './record.js';

/** What a store holds. */
export interface StoredCheckpoints {
  /** The tree, with those that are being deleted and without those that are being made. */
  readonly checkpoints: CheckpointTree;
  /** What was begun and not settled, the oldest first: see {@link planReconcile}. */
  readonly pending: readonly PendingChange[];
}

/**
 * What the files of a store say together.
 *
 * @throws {@link CheckpointError} where they are no tree.
 */
export function storedCheckpoints(records: readonly CheckpointRecord[]): StoredCheckpoints {
  const ordered = inOrder(records);
  const checkpoints = ordered.filter(({ state }) => state !== 'pending').map(({ checkpoint }) => checkpoint);
  const current = newestMark(records)?.current;
  return {
    checkpoints: parseCheckpointTree({ checkpoints, ...(current !== undefined && { current }) }),
    pending: ordered.flatMap((record): readonly PendingChange[] => {
      if (record.state === 'deleting') return [record.deletion];
      return record.state === 'pending' ? [{ kind: 'create', checkpoint: record.checkpoint }] : [];
    }),
  };
}

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
