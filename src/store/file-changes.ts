import { isDeepStrictEqual } from 'node:util';
import type { Checkpoint } from '../core/model/checkpoint.js';
import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import { namesIn, type PendingChange } from '../core/model/pending-change.js';
import { inTopologicalOrder } from '../core/tree/topological-order.js';
import { type CheckpointRecord, fileOf } from './record.js';
import { inOrder, newestMark } from './stored-checkpoints.js';

/** What is to be written and then removed, in this order, one file after the other. */
export interface FileChanges {
  readonly writes: readonly CheckpointRecord[];
  readonly removals: readonly CheckpointRecord[];
  /** All records once that is done. */
  readonly records: readonly CheckpointRecord[];
}

/**
 * The changes that make a store hold another tree, in such an order that it holds a tree after each of them:
 *
 * 1. a file is written whole or not at all, and lasts before the next is touched;
 * 2. files are written before any is removed, parents before children. Those written form a part of the new tree with all
 *    its ancestors; those not yet written lead along old parents, all of which are still there, into that part or to an old
 *    root. So every parent is there and none goes round in a circle;
 * 3. who is current is told by the greatest number, so one write both confirms a checkpoint and makes it current. Where the
 *    number that is greatest now will be gone or wrong, a greater one is written before anything is removed;
 * 4. files are removed children before parents; what stays names none of them any more;
 * 5. a file that notes the deletion of others too goes after them: as long as one of them is there, so is the note;
 * 6. what is pending and was not settled stays as it is; so a checkpoint that was confirmed goes only by its own removal.
 *
 * The order of the tree is for people: after a crash in between it may be that of neither tree.
 *
 * @param settled - Names of the checkpoints whose pending changes end with this.
 */
export function fileChanges(
  records: readonly CheckpointRecord[],
  tree: CheckpointTree,
  settled: ReadonlySet<string>,
): FileChanges {
  const known = byName(records);
  const markOf = marksFor(records, tree);
  let order = 0;
  const kept = new Map<string, CheckpointRecord>();
  for (const checkpoint of tree.checkpoints) {
    const { name } = checkpoint;
    const before = known.get(name);
    order = before !== undefined && before.order > order ? before.order : order + 1;
    const base = { file: before?.file ?? fileOf(name), order, ...markOf(name), checkpoint };
    // 6
    const stillDeleting = before?.state === 'deleting' && !settled.has(name);
    kept.set(
      name,
      stillDeleting ? { ...base, state: 'deleting', deletion: before.deletion } : { ...base, state: 'confirmed' },
    );
  }
  const others = records.filter(({ checkpoint }) => !kept.has(checkpoint.name));
  // 6
  const [waiting, gone] = partition(
    others,
    ({ state, checkpoint }) => state === 'pending' && !settled.has(checkpoint.name),
  );
  return {
    // 2
    writes: inTopologicalOrder(tree)
      .map(({ name }) => kept.get(name) as CheckpointRecord)
      .filter((record) => !isSame(record, known.get(record.checkpoint.name))),
    removals: inRemovalOrder(gone),
    records: [...kept.values(), ...waiting],
  };
}

/** The change that notes what is about to be done: one file, so that it is noted as a whole or not at all. */
export function noteOf(records: readonly CheckpointRecord[], change: PendingChange): FileChanges {
  const [name] = namesIn(change) as readonly [string];
  const others = records.filter(({ checkpoint }) => checkpoint.name !== name);
  const noted =
    change.kind === 'create'
      ? toCreate(others, change.checkpoint)
      : toDelete(byName(records).get(name) as CheckpointRecord, change);
  return { writes: [noted], removals: [], records: [...others, noted] };
}

function toCreate(others: readonly CheckpointRecord[], checkpoint: Checkpoint): CheckpointRecord {
  const order = others.reduce((greatest, record) => Math.max(greatest, record.order), 0) + 1;
  return { file: fileOf(checkpoint.name), state: 'pending', order, checkpoint };
}

function toDelete(before: CheckpointRecord, deletion: PendingChange & { readonly kind: 'delete' }): CheckpointRecord {
  return { ...before, state: 'deleting', deletion };
}

function byName(records: readonly CheckpointRecord[]): ReadonlyMap<string, CheckpointRecord> {
  return new Map(records.map((record) => [record.checkpoint.name, record]));
}

/** A deletion never changes while it is pending. */
function isSame(one: CheckpointRecord, other: CheckpointRecord | undefined): boolean {
  return (
    one.state === other?.state &&
    one.order === other.order &&
    one.current === other.current &&
    one.noCurrent === other.noCurrent &&
    (one.checkpoint === other.checkpoint || isDeepStrictEqual(one.checkpoint, other.checkpoint))
  );
}

type MarkMembers = Pick<CheckpointRecord, 'current' | 'noCurrent'>;

/** 3: the marks that the records of a tree are to have. */
function marksFor(records: readonly CheckpointRecord[], tree: CheckpointTree): (name: string) => MarkMembers {
  const known = byName(records);
  const newest = newestMark(records);
  const stays = newest === undefined || tree.checkpoints.some(({ name }) => name === newest.holder);
  const isTold = newest?.current === tree.current && stays;
  const holder = tree.current ?? tree.checkpoints[0]?.name;
  const number = (newest?.number ?? 0) + 1;
  return (name) => {
    if (!isTold && name === holder) return tree.current === undefined ? { noCurrent: number } : { current: number };
    const { current, noCurrent } = known.get(name) ?? {};
    return { ...(current !== undefined && { current }), ...(noCurrent !== undefined && { noCurrent }) };
  };
}

/** 4, 5: among those that could go next, the ones with a note come last. */
function inRemovalOrder(gone: readonly CheckpointRecord[]): readonly CheckpointRecord[] {
  const known = byName(gone);
  const [holders, others] = partition(inOrder(gone), ({ state }) => state === 'deleting');
  const parentsFirst = inTopologicalOrder({ checkpoints: [...holders, ...others].map(({ checkpoint }) => checkpoint) });
  return parentsFirst.map(({ name }) => known.get(name) as CheckpointRecord).toReversed();
}

function partition<T>(values: readonly T[], isFirst: (value: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [values.filter(isFirst), values.filter((value) => !isFirst(value))];
}
