import * as z from 'zod';
import type { BackupRequest } from '../core/check/backup.js';
import { throwProblems } from '../core/error.js';
import type { Backup } from '../core/model/backup.js';
import type { BackupManifest } from '../core/model/backup-manifest.js';
import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import { activeLayerOf } from '../core/model/disk.js';
import type { Domain } from '../core/model/domain.js';
import { parseWith } from '../core/model/parse-with.js';
import { type BackupPlan, planBeginBackup } from '../core/plan/begin-backup.js';
import { planEndBackup } from '../core/plan/end-backup.js';
import type { Plan } from '../core/plan/plan.js';
import { problem } from '../core/problem.js';
import { isQmpError } from '../qmp/error.js';
import { observeDomain } from '../qmp/observe-domain.js';
import type { PlanError } from '../qmp/plan-error.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import { type RunOptions, runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import type { BackupProgress, CopyOptions, CopyOutcome } from './copy-outcome.js';
import { BackupError, type DiskFailure } from './error.js';
import { expectNewFiles } from './expect-new-files.js';
import { copyPath } from './file-names.js';
import { writeManifest } from './manifest-files.js';
import { manifestOf } from './manifest-of.js';
import { type ReadExport, readCopies } from './read-copies.js';
import { readExport } from './read-export.js';
import { whileRunning } from './running.js';
import { untilFree } from './until-free.js';
import { waitForCopies } from './wait-for-copies.js';

/** How a backup is run. Its hooks may hold the guest still while its instant is set. */
export interface RunBackupOptions extends Omit<RunOptions, 'observed'> {
  /** Keeps the checkpoints, and the backup while it runs. */
  readonly store?: Pick<CheckpointStore, 'load' | 'run'>;
  /** Where no store is used: told what to keep, before QEMU is told of the backup and when it has ended. */
  readonly save?: (kept: Kept) => void | Promise<void>;
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Of the point; default: the checkpoint's name, or else the time in seconds. */
  readonly name?: string;
  /** Seconds since the epoch; default: now. */
  readonly now?: number;
  /** Where one disk fails: take all back, as by default, or keep the others. */
  readonly onDiskFailure?: 'take-back' | 'keep-others';
  /** The folder, on this host, that the files and the manifest lie in; absent: no manifest is written. */
  readonly directory?: string;
  /** Of each file, in the manifest: the files are read once more for that. */
  readonly sha256?: boolean;
  /** Reads one export of a pull; default: {@link readExport} into `directory`. */
  readonly read?: ReadExport;
  /** Observes the domain once more; default: with the same active layers as before. */
  readonly observe?: () => Promise<Domain>;
}

/** A backup that is about to begin. */
interface Begun {
  readonly plan: BackupPlan;
  readonly read: ReadExport;
  readonly name: string;
  readonly qemuVersion: string;
}

/** What has to outlast this process. */
export interface Kept {
  readonly checkpoints: CheckpointTree;
  /** The backup that runs; absent: none does. */
  readonly backup?: Backup;
}

/**
 * Makes a backup from its beginning to its end: begins it, waits for the copies or reads the exports, and ends it.
 *
 * Two phases: the checkpoint that begins with it is provisional until all is copied, the images are closed and the manifest is
 * written. If a disk fails, the signal is aborted, or someone interferes, it is taken back with all the rest, and the older
 * checkpoints are as good as before; the files stay. Where that is not possible, because the session or this process is gone,
 * the store keeps what is needed: {@link recoverBackup} does it then.
 *
 * @param session - Anything that executes commands.
 * @param domain - As observed just now, with the checkpoints as they are kept.
 * @returns What was made. Where the others are kept when a disk fails, `failed` tells of it.
 *
 * @throws {@link CheckpointError} as {@link planBeginBackup}; `manifest-exists`, `image-exists`: with `directory`, a file would be
 * overwritten. Nothing was sent.
 * @throws {@link BackupError} where disks failed and all was taken back: which, and why.
 * @throws {@link PlanError} where it could not be begun, or not be ended; and of the outcome `done`, where only
 * `afterTransaction` failed: then the backup was made all the same, and its manifest written.
 * @throws {@link QmpError} where the session has ended, {@link StoreError} where the store refuses.
 * @throws The signal's reason, after all was taken back.
 *
 * @example
 * ```ts
 * const disks = [{ diskTarget: 'vda', image: { filename: '/backup/web/vda-monday.qcow2' } }];
 * const request = { mode: 'push', disks, checkpoint: { name: 'monday' } } as const;
 * const manifest = await runBackup(session, domain, request, { store, directory: '/backup/web' });
 * manifest.disks[0]?.file; // 'vda-monday.qcow2'
 * ```
 * @see QEMU `blockdev-backup`; libvirt `virDomainBackupBegin`
 */
export async function runBackup(
  session: QmpSession,
  domain: Domain,
  request: BackupRequest,
  options: RunBackupOptions = {},
): Promise<BackupManifest> {
  const { now = Math.floor(Date.now() / 1000), directory, store } = options;
  const name = options.name ?? request.checkpoint?.name ?? String(now);
  const read = readerFor(request, { ...options, name });
  if (directory !== undefined) await expectNewFiles(directory, request, { name, domain: domain.name });
  const qemuVersion = await versionOf(session);
  const plan = planBeginBackup(domain, request, { now });
  return await whileRunning(store, () => fromBeginToEnd(session, domain, { plan, read, name, qemuVersion }, options));
}

async function fromBeginToEnd(
  session: QmpSession,
  domain: Domain,
  { plan, read, name, qemuVersion }: Begun,
  options: RunBackupOptions,
): Promise<BackupManifest> {
  const { onDiskFailure, directory, store, sha256 = false, signal } = options;
  const { backup } = plan;
  await options.save?.({ checkpoints: plan.next.checkpoints, backup });
  // What could not let the guest go on has no part in what is copied: it is told when that is safe.
  const hookFailure = await begin(session, domain, plan, options);
  const outcomes = await copy(session, backup, read, options);
  const failures = failuresOf(backup, outcomes, signal?.reason);
  const isKept = failures.length === 0 || (onDiskFailure === 'keep-others' && failures.length < backup.disks.length);
  const failed = new Set(failures.map(({ diskTarget }) => diskTarget));
  const complete = isKept ? outcomes.filter(({ diskTarget }) => !failed.has(diskTarget)) : [];
  let manifest: BackupManifest | undefined;
  const look = async () => {
    const checkpoints = store === undefined ? plan.next.checkpoints : (await store.load()).checkpoints;
    return { ...(await observeAgain(session, domain, options)), checkpoints };
  };
  const ended = await untilFree(async () => {
    const seen = await look();
    const ending = planEndBackup(seen, backup, { complete: complete.map(({ diskTarget }) => diskTarget) });
    await carryOut(seen, ending, options, async () => {
      await runPlan(session, ending, without(options));
      if (!isKept) return;
      const about = { name, domain: domain.name, qemuVersion };
      manifest = await manifestOf(backup, complete, failures, { ...about, sha256, isHere: directory !== undefined });
      if (directory !== undefined) await writeManifest(directory, manifest);
    });
    return ending.next;
  });
  await options.save?.({ checkpoints: ended.checkpoints });
  if (hookFailure !== undefined) throw hookFailure;
  if (manifest !== undefined) return manifest;
  signal?.throwIfAborted();
  throw new BackupError(failures);
}

function readerFor({ mode }: BackupRequest, options: RunBackupOptions & { readonly name: string }): ReadExport {
  const { directory, read, name } = options;
  if (read !== undefined) return read;
  if (directory === undefined && mode === 'pull') {
    const expected = 'must be given for a pull, or else read';
    throwProblems([problem({ code: 'invalid-input', subject: 'options', path: ['directory'], expected })]);
  }
  return async (exported, { signal, onProgress }) => {
    const path = copyPath(directory ?? '', exported.diskTarget, name);
    return { path, format: 'qcow2', bytes: await readExport(exported, path, { signal, onProgress }) };
  };
}

/** @returns What went wrong though the backup has begun; what went wrong before that is thrown. */
async function begin(
  session: QmpSession,
  domain: Domain,
  plan: Plan,
  options: RunBackupOptions,
): Promise<PlanError | undefined> {
  try {
    await carryOut(domain, plan, options, () => runPlan(session, plan, options));
    return undefined;
  } catch (error) {
    if (isQmpError(error) && error.kind === 'plan' && (error as PlanError).outcome === 'done')
      return error as PlanError;
    const isUndone = !isQmpError(error) || error.kind !== 'plan' || (error as PlanError).outcome === 'undone';
    if (isUndone) await options.save?.({ checkpoints: domain.checkpoints });
    throw error;
  }
}

async function carryOut(
  domain: Domain,
  plan: Plan,
  { store }: RunBackupOptions,
  execute: () => Promise<unknown>,
): Promise<void> {
  await (store === undefined ? execute() : store.run(domain, plan, execute));
}

/** @returns How each disk that came to an end did: one that is missing did not. */
async function copy(
  session: QmpSession,
  backup: Backup,
  read: ReadExport,
  { signal, onProgress, onDiskFailure }: RunBackupOptions,
): Promise<readonly CopyOutcome[]> {
  const options: CopyOptions = { signal, onProgress, keepOthers: onDiskFailure === 'keep-others' };
  try {
    if (backup.mode === 'push') return await waitForCopies(session, backup, options);
    return await readCopies(session, backup, read, options);
  } catch (error) {
    // Nothing can be taken back over a session that is gone.
    if (isQmpError(error) && !signal?.aborted) throw error;
    return backup.disks.map(({ diskTarget }) => ({ diskTarget, error }));
  }
}

/** Those that failed; where some were not waited for any more, they are none that failed by themselves. */
function failuresOf({ disks }: Backup, outcomes: readonly CopyOutcome[], reason: unknown): readonly DiskFailure[] {
  const failures = outcomes.flatMap((outcome) =>
    'error' in outcome ? [{ diskTarget: outcome.diskTarget, cause: outcome.error }] : [],
  );
  if (failures.length > 0 || outcomes.length === disks.length) return failures;
  return disks.map(({ diskTarget }) => ({ diskTarget, cause: reason }));
}

async function observeAgain(session: QmpSession, domain: Domain, { observe }: RunBackupOptions): Promise<Domain> {
  if (observe !== undefined) return await observe();
  const { name, uuid } = domain;
  const disks = domain.disks.flatMap((disk) => {
    const nodeName = activeLayerOf(disk)?.nodeName;
    return nodeName === undefined ? [] : [{ diskTarget: disk.diskTarget, nodeName }];
  });
  return await observeDomain(session, { name, ...(uuid !== undefined && { uuid }), disks });
}

/** Ending is never stopped, and needs no instant of its own. */
function without({ schema, onStep }: RunBackupOptions): RunOptions {
  return { ...(schema !== undefined && { schema }), ...(onStep !== undefined && { onStep }) };
}

async function versionOf(session: QmpSession): Promise<string> {
  const { qemu } = parseWith(versionSchema, await session.execute('query-version'), 'reply');
  return `${qemu.major}.${qemu.minor}.${qemu.micro}`;
}

const versionSchema = z.object({ qemu: z.object({ major: z.int(), minor: z.int(), micro: z.int() }) });
