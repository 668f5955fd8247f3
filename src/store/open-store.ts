import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isCheckpointError } from '../core/error.js';
import { parseBackup } from '../core/model/backup.js';
import { type CheckpointTree, parseCheckpointTree } from '../core/model/checkpoint-tree.js';
import type { PendingChainChange } from '../core/model/pending-chain-change.js';
import { namesIn, type PendingChange } from '../core/model/pending-change.js';
import type { BackupPlan } from '../core/plan/begin-backup.js';
import type { EndBackupPlan } from '../core/plan/end-backup.js';
import { pendingChainChangeOf } from '../core/plan/pending-chain-change.js';
import { pendingChangeOf } from '../core/plan/pending-change.js';
import type { Reconciliation } from '../core/plan/reconcile.js';
import type { Resumption } from '../core/plan/resume-job.js';
import { backupNote } from './backup-note.js';
import { chainNotes } from './chain-notes.js';
import { checkChange, isMadeFrom, isResumedFrom, readTree } from './check-change.js';
import type { CheckpointStore, StoreOptions } from './checkpoint-store.js';
import { durableFiles } from './durable-files.js';
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
  const notes = chainNotes(files, directory, readOnly);
  const ofBackup = backupNote(files, directory, readOnly);
  const lock = readOnly ? undefined : await files.lock(directory);
  try {
    if (!readOnly) await durableFiles(files, directory).tidy();
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

  async function settleCheckpoints(reconciliation: Reconciliation): Promise<void> {
    const before = await records.read();
    const stored = storedCheckpoints(before);
    const next = readTree(stored, reconciliation.next.checkpoints);
    if (!isMadeFrom(stored, next, reconciliation.decisions)) throw refusal('stale');
    const settled = reconciliation.decisions.filter(({ verdict }) => verdict !== 'undecided');
    await records.apply(fileChanges(before, next, new Set(settled.map(({ checkpoint }) => checkpoint))));
  }

  async function settleChains({ next: { checkpoints }, changes }: Resumption): Promise<void> {
    const before = await records.read();
    const stored = { ...storedCheckpoints(before), chainChanges: await notes.read() };
    const next = readTree(stored, checkpoints);
    if (!isResumedFrom(stored, next, changes)) throw refusal('stale');
    await records.apply(fileChanges(before, next, new Set()));
    for (const { verdict, pending } of changes) {
      if (verdict !== 'undecided' && pending !== undefined) await notes.remove(pending);
    }
  }

  /** What is planned now may be about layers that go. */
  async function expectNoChainChange(): Promise<void> {
    const disks = (await notes.read()).map(({ diskTarget }) => diskTarget);
    if (disks.length > 0) throw new StoreError({ kind: 'unsettled', path: directory, checkpoints: [], disks });
  }

  /** One backup at a time: what another has left would be taken for this one's. */
  async function expectNoBackup(): Promise<void> {
    const kept = await ofBackup.read();
    if (kept !== undefined) throw new StoreError({ kind: 'unsettled', path: directory, checkpoints: [], backup: true });
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
      const stored = storedCheckpoints(await records.read());
      const backup = await ofBackup.read();
      const chainChanges = Object.freeze(await notes.read());
      return Object.freeze({ ...stored, chainChanges, ...(backup !== undefined && { backup }) });
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
        await expectNoChainChange();
        const { backup, ended } = plan as Partial<BackupPlan & EndBackupPlan>;
        if (backup !== undefined) {
          await expectNoBackup();
          await ofBackup.write(parseBackup(backup));
        }
        const chainChange = pendingChainChangeOf(domain, plan);
        if (chainChange !== undefined) await notes.write(chainChange);
        const pending = pendingBeside(
          chainChange,
          pendingChangeOf(domain, { ...plan, next: { ...plan.next, checkpoints: next } }),
        );
        if (pending !== undefined) await records.apply(noteOf(before, pending));
        const settled = new Set(pending === undefined ? [] : namesIn(pending));
        const settle = async (tree: CheckpointTree, endedBackup: unknown) => {
          await records.apply(fileChanges(await records.read(), tree, settled));
          if (chainChange !== undefined) await notes.remove(chainChange);
          if (endedBackup !== undefined) await ofBackup.remove();
        };
        let result: Awaited<ReturnType<typeof execute>>;
        try {
          result = await execute();
        } catch (error) {
          // The disks must not be asked then: a bitmap of that name that is there is someone else's.
          if (isUndone(error)) await settle(stored.checkpoints, backup);
          else if (outcomeIn(error) === 'done') await settle(next, ended);
          throw error;
        }
        await settle(next, ended);
        return result;
      }),

    settle: (outcome) =>
      change(async () => {
        if ('changes' in outcome) return await settleChains(outcome);
        await settleCheckpoints(outcome);
      }),

    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Checkpoints that end with a change of layers are told by its own note. */
function pendingBeside(
  chainChange: PendingChainChange | undefined,
  change: PendingChange | undefined,
): PendingChange | undefined {
  return chainChange !== undefined && change?.kind === 'delete' ? undefined : change;
}

function isSameTree(one: CheckpointTree, other: CheckpointTree): boolean {
  return one === other || isDeepStrictEqual(parseCheckpointTree(one), other);
}

/** Whether a failure says for certain that all is as it was: nothing was sent, or everything was put back. */
function isUndone(error: unknown): boolean {
  return isCheckpointError(error) || outcomeIn(error) === 'undone';
}

/** What an error says about how things stand, as one of `runPlan` does. */
function outcomeIn(error: unknown): unknown {
  return error instanceof Error && 'outcome' in error ? error.outcome : undefined;
}
