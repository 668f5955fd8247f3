import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isCheckpointError } from '../core/error.js';
import { type CheckpointTree, parseCheckpointTree } from '../core/model/checkpoint-tree.js';
import { namesIn } from '../core/model/pending-change.js';
import { pendingChangeOf } from '../core/plan/pending-change.js';
import { checkChange, isMadeFrom, readTree } from './check-change.js';
import type { CheckpointStore, StoreOptions } from './checkpoint-store.js';
import { StoreError } from './error.js';
import { fileChanges, noteOf } from './file-changes.js';
import type { FileSystem } from './file-system.js';
import { recordFiles } from './record-files.js';
import { storedCheckpoints } from './stored-checkpoints.js';

/** {@link checkpointStore} on any file system. */
export async function openStore(
  path: string,
  { readOnly = false }: StoreOptions,
  files: FileSystem,
): Promise<CheckpointStore> {
  const directory = resolve(path);
  const refusal = (kind: 'not-found' | 'busy' | 'closed' | 'read-only' | 'stale') =>
    new StoreError({ kind, path: directory });
  if (!readOnly) await files.makeFolder(directory);
  else if ((await files.list(directory)) === undefined) throw refusal('not-found');
  const records = recordFiles(files, directory, readOnly);
  const lock = readOnly ? undefined : await files.lock(directory);
  try {
    if (!readOnly) await records.tidy();
  } catch (error) {
    await lock?.release();
    throw error;
  }

  let closing: Promise<void> | undefined;
  let underWay: Promise<unknown> | undefined;

  /** One change at a time: two that are made from the same tree would each forget the other. */
  async function change<T>(work: () => Promise<T>): Promise<T> {
    if (closing !== undefined) throw refusal('closed');
    if (readOnly) throw refusal('read-only');
    if (underWay !== undefined) throw refusal('busy');
    const working = work();
    underWay = working.catch(() => undefined);
    try {
      return await working;
    } finally {
      underWay = undefined;
    }
  }

  async function close(): Promise<void> {
    closing ??= (async () => {
      await underWay;
      await lock?.release();
    })();
    await closing;
  }

  return {
    directory,

    async load() {
      if (closing !== undefined) throw refusal('closed');
      return storedCheckpoints(await records.read());
    },

    save: (tree) =>
      change(async () => {
        const before = await records.read();
        const stored = storedCheckpoints(before);
        const next = readTree(stored, tree);
        checkChange(directory, stored, next);
        await records.apply(fileChanges(before, next, new Set()));
      }),

    run: (domain, plan, execute) =>
      change(async () => {
        const before = await records.read();
        const stored = storedCheckpoints(before);
        const next = readTree(stored, plan.next.checkpoints);
        if (!isSameTree(domain.checkpoints, stored.checkpoints)) throw refusal('stale');
        checkChange(directory, stored, next);
        const pending = pendingChangeOf(domain, { ...plan, next: { ...plan.next, checkpoints: next } });
        if (pending !== undefined) await records.apply(noteOf(before, pending));
        const settled = new Set(pending === undefined ? [] : namesIn(pending));
        let result: Awaited<ReturnType<typeof execute>>;
        try {
          result = await execute();
        } catch (error) {
          // The disks must not be asked then: a bitmap of that name that is there is someone else's.
          if (isUndone(error)) await records.apply(fileChanges(await records.read(), stored.checkpoints, settled));
          throw error;
        }
        await records.apply(fileChanges(await records.read(), next, settled));
        return result;
      }),

    settle: (reconciliation) =>
      change(async () => {
        const before = await records.read();
        const stored = storedCheckpoints(before);
        const next = readTree(stored, reconciliation.next.checkpoints);
        if (!isMadeFrom(stored, next, reconciliation.decisions)) throw refusal('stale');
        const settled = reconciliation.decisions.filter(({ verdict }) => verdict !== 'undecided');
        await records.apply(fileChanges(before, next, new Set(settled.map(({ checkpoint }) => checkpoint))));
      }),

    close,
    [Symbol.asyncDispose]: close,
  };
}

function isSameTree(one: CheckpointTree, other: CheckpointTree): boolean {
  return one === other || isDeepStrictEqual(parseCheckpointTree(one), other);
}

/** Whether a failure says for certain that all is as it was: nothing was sent, or everything was put back. */
function isUndone(error: unknown): boolean {
  return isCheckpointError(error) || (error instanceof Error && 'outcome' in error && error.outcome === 'undone');
}
