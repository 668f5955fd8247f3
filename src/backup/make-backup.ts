import { resolve } from 'node:path';
import type { BackupDiskRequest, BackupRequest } from '../core/check/backup.js';
import type { Backup } from '../core/model/backup.js';
import type { BackupManifest } from '../core/model/backup-manifest.js';
import { activeLayerOf, type Disk } from '../core/model/disk.js';
import { type Domain, findDisk } from '../core/model/domain.js';
import type { NbdServer } from '../core/model/nbd-server.js';
import type { BackupBase } from '../core/plan/backup-base.js';
import type { Problem } from '../core/problem.js';
import { type ForeignBitmap, foreignBitmaps } from '../core/tree/foreign-bitmaps.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import { machineFiles } from '../store/file-system.js';
import { chooseBases, expectBases } from './choose-bases.js';
import { expectNewFiles } from './expect-new-files.js';
import { copyPath, scratchPath } from './file-names.js';
import { recoverBackup } from './recover-backup.js';
import { type RemovedCheckpoint, removeDeadBitmaps } from './remove-dead-bitmaps.js';
import { removeFiles } from './remove-files.js';
import { type Rescued, rescueBases } from './rescue-bases.js';
import { type RunBackupOptions, runBackup } from './run-backup.js';
import { type UsableBases, usableBases } from './usable-bases.js';

/** What is to be backed up, and into which folder. */
export interface MakeBackupRequest {
  /**
   * `auto`, as by default: each disk since the newest checkpoint that is good, or in full; `full`: in full; `inc`: since the newest one
   * that a backup is at hand of, or not at all.
   */
  readonly kind?: 'auto' | 'full' | 'inc';
  /** A folder on this host, which QEMU sees under the same path. */
  readonly directory: string;
  /** Targets; default: every disk with a medium that is not read-only. */
  readonly disks?: readonly string[];
  /** Default: `push`. */
  readonly mode?: BackupRequest['mode'];
  /** In a pull: where QEMU is to listen. */
  readonly server?: NbdServer;
  /** Of the point and its checkpoint; default: the time, as `2026-11-25T17-30-00Z`. */
  readonly name?: string;
  /** How the disks are copied. */
  readonly copy?: Pick<
    BackupDiskRequest,
    'speed' | 'compress' | 'maxWorkers' | 'maxChunk' | 'fleecing' | 'onCbwError' | 'cbwTimeout'
  >;
}

export interface MakeBackupOptions extends Omit<RunBackupOptions, 'store' | 'save' | 'directory' | 'observe' | 'name'> {
  readonly store: Pick<CheckpointStore, 'load' | 'run' | 'settle'>;
  /** Observes the domain, with whatever checkpoints: those of the store are taken. */
  readonly observe: () => Promise<Domain>;
}

/** What was made, what it was based on, and what else was done for it. */
export interface BackupReport {
  readonly manifest: BackupManifest;
  /** For each disk. */
  readonly bases: readonly BackupBase[];
  /** A backup that a crash had left half done, and that was taken back first. */
  readonly recovered?: Backup;
  /** Checkpoints that had lost bitmaps and were made whole again. */
  readonly rescued: readonly Rescued[];
  /** Checkpoints that were of no use any more and were deleted, on these disks. */
  readonly removed: readonly RemovedCheckpoint[];
  /** Bitmaps that no checkpoint names; they were left alone. */
  readonly foreign: readonly ForeignBitmap[];
  /** What was met and kept nothing from being done. */
  readonly warnings: readonly Problem[];
}

/**
 * Backs a machine up into a folder: what a nightly job runs.
 *
 * What a crash left of an earlier backup is taken back first. Then each disk is backed up since the newest checkpoint that a
 * restorable backup is at hand of and whose bitmaps are good. Where they were lost and can be made anew from what is allocated, that is done
 * ({@link planRescueCheckpoint}); else an older checkpoint is taken, or all of the disk. In the same instant a new checkpoint
 * begins, and when all is done the bitmaps that are of no use are removed: so a fallback does not come again the next night.
 *
 * @returns A report; the manifest is in the folder too.
 * @throws {@link CheckpointError} with `inc` where a disk has no good base: why, for each; and as {@link planBeginBackup}.
 * @throws {@link BackupError} and whatever else {@link runBackup} throws.
 * @example
 * ```ts
 * const observe = () => observeDomain(session, { name: 'web' });
 * const report = await makeBackup(session, { directory: '/backup/web' }, { store, observe });
 * report.bases.map(({ why }) => why);
 * // ['Disk vda: what was written since checkpoint "2026-11-24T23-00-00Z", at most 65536 of 10737418240 bytes.']
 * ```
 */
export async function makeBackup(
  session: QmpSession,
  request: MakeBackupRequest,
  options: MakeBackupOptions,
): Promise<BackupReport> {
  const { kind = 'auto' } = request;
  const directory = resolve(request.directory);
  const { store, observe: look, ...running } = options;
  const observe = async () => ({ ...(await look()), checkpoints: (await store.load()).checkpoints });
  const now = options.now ?? Math.floor(Date.now() / 1000);
  const name = request.name ?? nameAt(now);
  const recovered = await recoverBackup(session, await observe(), store);
  if (recovered !== undefined) await removeFiles(directory, filesOf(recovered, directory));
  const before = await observe();
  const disks = request.disks ?? writableDisks(before);
  await machineFiles.makeFolder(directory);
  const usable = await usableBases(directory, before.name);
  const rescued = kind === 'auto' ? await rescueBases(session, observe, { disks, usable, store }) : [];
  const domain = await observe();
  const { bases, asked } = chooseBackup(domain, usable, { ...request, directory, name, disks });
  // From here on these files are this backup's own, and go where it fails.
  await expectNewFiles(directory, asked, { name, domain: domain.name });
  const made = asked.disks.flatMap(({ diskTarget, image }) => [image.filename, copyPath(directory, diskTarget, name)]);
  let manifest: BackupManifest;
  try {
    manifest = await runBackup(session, domain, asked, { ...running, observe, store, directory, now, name });
  } finally {
    // As long as it is noted as begun, QEMU may write to them.
    if ((await store.load()).backup === undefined) await removeFiles(directory, made);
  }
  const repaired = kind === 'auto' ? await removeDeadBitmaps(session, observe, { manifest, store }) : noRepair;
  return {
    manifest,
    bases,
    ...(recovered !== undefined && { recovered }),
    rescued,
    removed: repaired.removed,
    foreign: foreignBitmaps(await observe()),
    warnings: [...rescued.flatMap(({ warnings }) => warnings), ...repaired.warnings],
  };
}

/** What each disk is based on, and what is asked of {@link runBackup} then. */
export function chooseBackup(
  domain: Domain,
  usable: UsableBases,
  request: MakeBackupRequest & { readonly name: string },
): { readonly bases: readonly BackupBase[]; readonly asked: BackupRequest } {
  const { kind, disks = writableDisks(domain) } = request;
  const bases = chooseBases(domain, disks, kind === 'full' ? () => [] : usable);
  if (kind === 'inc') expectBases(bases);
  return { bases, asked: requestFor(domain, bases, request) };
}

const noRepair = { removed: [], warnings: [] };

/** `2026-11-25T17-30-00Z`: no colons, which a checkpoint's name cannot have. */
export function nameAt(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replaceAll(':', '-').concat('Z');
}

function writableDisks({ disks }: Domain): readonly string[] {
  const able = disks.filter(({ readOnly, backingChain }) => !readOnly && backingChain.length > 0);
  return able.map(({ diskTarget }) => diskTarget);
}

/** A disk that cannot have bitmaps is backed up in full each time, and takes no part in the checkpoint. */
function requestFor(
  domain: Domain,
  bases: readonly BackupBase[],
  request: MakeBackupRequest & { readonly name: string },
): BackupRequest {
  const { mode = 'push', directory, name, server, copy } = request;
  const path = mode === 'push' ? copyPath : scratchPath;
  const disks = bases.map(({ diskTarget, since }) => ({
    diskTarget,
    ...(since !== undefined && { since }),
    image: { filename: path(directory, diskTarget, name) },
    ...copy,
  }));
  const isAble = ({ diskTarget }: BackupBase) => canHaveBitmap(findDisk(domain, diskTarget));
  return {
    mode,
    disks,
    ...(bases.some(isAble) && { checkpoint: { name } }),
    ...(server !== undefined && { server }),
  };
}

function canHaveBitmap(disk: Disk | undefined): boolean {
  const active = disk === undefined ? undefined : activeLayerOf(disk);
  return active?.format === 'qcow2' && active.qcow2Version !== 2;
}

/** What a backup that did not end may have made. */
function filesOf({ disks, checkpoint, timeSeconds }: Backup, directory: string): readonly string[] {
  const name = checkpoint ?? nameAt(timeSeconds);
  return disks.flatMap(({ diskTarget, image }) => [image.filename, copyPath(directory, diskTarget, name)]);
}
