import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import type { Domain } from '../core/model/domain.js';
import type { Plan } from '../core/plan/plan.js';
import type { Reconciliation } from '../core/plan/reconcile.js';
import type { Resumption } from '../core/plan/resume-job.js';
import { machineFiles } from './file-system.js';
import { openStore } from './open-store.js';
import type { StoredCheckpoints } from './stored-checkpoints.js';

/** How a store is opened. */
export interface StoreOptions {
  /** Only to read: no lock is taken, and others may write meanwhile. Default: for writing too. */
  readonly readOnly?: boolean;
}

/** The checkpoints of one domain, kept in a folder. `await using` closes it. */
export interface CheckpointStore extends AsyncDisposable {
  /** The folder, as an absolute path. */
  readonly directory: string;

  /**
   * Reads the tree and what is pending.
   *
   * @throws {@link StoreError} `damaged`, `version-unknown`, `not-found`, `busy`, `closed`, `io`.
   */
  load(): Promise<StoredCheckpoints>;

  /**
   * Makes a tree the one that is kept: what it lacks is forgotten. Nothing else is done; use {@link CheckpointStore.run}
   * where QEMU is told something too. A crash in between may leave some checkpoints in their old form and some in the new
   * one; they hang together nevertheless, and to save again ends it.
   *
   * @throws {@link CheckpointError} `checkpoint-name-too-long`, and what {@link parseCheckpointTree} refuses; nothing was written.
   * @throws {@link StoreError} `unsettled`, `name-clash`, `read-only`, `busy`, and what `load` throws.
   */
  save(tree: CheckpointTree): Promise<void>;

  /**
   * Runs a plan in two phases: what it is about to do is noted, it is executed, its outcome is saved.
   *
   * Where `execute` fails, or this process dies, the note stays, for nobody knows how far it came: observe the domain again
   * and {@link reconcile}. It is taken back only where the failure says for certain that all is as it was: a
   * {@link CheckpointError}, or an error whose `outcome` is `undone`, as `runPlan` gives. Where its `outcome` is `done` the
   * plan's is saved, for nothing is left to do. A plan without steps, or one that makes and deletes no checkpoint and changes
   * no layer, needs no note.
   *
   * A backup that a plan begins is noted until one ends it; meanwhile no other can begin, and all else can be run.
   *
   * @param domain - The one the plan was made from, with the checkpoints as they are kept.
   * @param execute - Sends the plan to QEMU, with `runPlan` say.
   * @returns What `execute` gives.
   * @throws {@link StoreError} `stale` where the domain's checkpoints are no longer those that are kept; and what `save`
   * throws. Nothing was executed then, but for `io` while the outcome is saved: that is noted as if the process had died.
   * @throws Whatever `execute` throws.
   */
  run<T>(domain: Domain, plan: Plan, execute: () => Promise<T>): Promise<T>;

  /**
   * Saves the outcome of a reconciliation, or of a resumption ({@link planResumeJob}), whose steps have been run.
   *
   * @throws {@link StoreError} `stale` where something else was changed or settled since; and what `save` throws.
   */
  settle(outcome: Reconciliation | Resumption): Promise<void>;

  /** Waits for a change that is under way, and lets others write. */
  close(): Promise<void>;
}

/**
 * Opens the folder that keeps the checkpoints of one domain, and makes it where it is not there.
 *
 * Each checkpoint is one file that can be read by people, `<name>.json`; other files in the folder are left alone. A file is
 * replaced as a whole and outlasts a loss of power, and after a crash at any moment the folder holds a tree in which no
 * confirmed checkpoint is missing. One handle at a time can write, in all processes of the machine; its lock ends with its
 * process.
 *
 * @param directory - Made so that only its owner may enter.
 * @throws {@link StoreError} `locked` where another handle has it open for writing, `lock-unavailable` where the program `flock`
 * is missing, `not-found` where there is nothing to read, `io`.
 * @example
 * ```ts
 * await using store = await checkpointStore('/var/lib/backup/web');
 * const { checkpoints } = await store.load();
 * const domain = await observeDomain(session, { name: 'web', checkpoints });
 * const plan = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: Math.floor(Date.now() / 1000) });
 * await store.run(domain, plan, () => runPlan(session, plan));
 * ```
 */
export async function checkpointStore(directory: string, options: StoreOptions = {}): Promise<CheckpointStore> {
  return await openStore(directory, options, machineFiles);
}
