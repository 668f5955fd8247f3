import type { BackupStartAction, BitmapReference, TransactionAction } from '../action.js';
import {
  type BackupRequest,
  type ExaminedBackup,
  type ExaminedDisk,
  examineBackup,
  exportNameOf,
} from '../check/backup.js';
import { backupIdOf, fleecingOf } from '../check/backup-names.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { Backup, BackupDisk } from '../model/backup.js';
import { identityOf } from '../model/checkpoint-identity.js';
import type { Domain } from '../model/domain.js';
import { fileNodeNameOf } from '../model/new-image.js';
import { addCheckpoint } from '../tree/edit-tree.js';
import { backupJobOf } from './backup-job.js';
import { newBitmaps, newCheckpoint } from './new-checkpoint.js';
import { newImageSteps, rawImageSteps } from './new-image.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/** A plan that begins a backup. */
export interface BackupPlan extends Plan {
  /** What was begun once it has run; keep it until the backup is ended. */
  readonly backup: Backup;
}

/**
 * Plans the beginning of a backup of disks, full or of what was written since a checkpoint, with a new checkpoint or without.
 *
 * The images are made first. Then, in one transaction and so at one instant for all disks, the new checkpoint begins, what
 * the bitmaps of the older one hold on all layers is merged into a temporary bitmap, and the jobs start. In a push they copy to
 * the images from then on. In a pull each scratch image shows the disk as it was at that instant, and clients read it over NBD: the
 * address is {@link nbdUri}, and which parts are dirty is asked for by {@link contextOf}.
 *
 * The bitmaps of checkpoints are not given to the jobs, which would empty them. The temporary ones are stopped, and end with the
 * backup. In a pull they are on the scratch images: QEMU aborts when a node grows whose bitmap another node's export holds.
 *
 * The new checkpoint is provisional: it can be a base only when {@link planEndBackup} says that its backup is complete, and goes
 * where it is not. A disk that grew since its base needs nothing more: what was written to the new part is recorded, and the rest
 * of it reads as zeros, as does what lies beyond the end of the older backup.
 *
 * If a step fails all is put back: jobs are ended, bitmaps removed and nodes closed; the image files stay, which no monitor can
 * delete.
 *
 * @param domain - The domain as last observed. Not modified.
 * @param options - `now`: seconds since the epoch.
 * @returns The steps, the domain after them, and the backup, which {@link planEndBackup} takes.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `backup-without-disks`, `disk-not-found`, `disk-asked-twice`, `disk-empty`: the disks asked for do not fit the domain's;
 * - `checkpoint-not-found`, `checkpoint-provisional`, `disk-not-in-checkpoint`, `bitmap-size-differs`, and what
 *   {@link checkBitmapChain} says: a disk cannot be based on that checkpoint; {@link chooseBackupBase} finds one;
 * - `bitmap-busy`: a job or an export holds a bitmap of that checkpoint;
 * - `image-not-qcow2`, `node-name-invalid`, `node-name-taken`, `filename-invalid`, `filename-taken`, `cluster-size-invalid`: an
 *   image cannot be made;
 * - `bitmap-exists`, `bitmap-claimed`: a backup that did not end has left its bitmap, or a checkpoint has one of that name;
 * - `server-needed`, `server-unused`, `server-plain`, `export-name-taken`, `snapshot-may-break`, `fleecing-unused`: where clients connect is not said, or not safe;
 * - with `checkpoint`, the problems of {@link planCreateCheckpoint}; without it, `creation-time-invalid`;
 * - `invalid-input`: the arguments are not a domain and a request at all.
 *
 * @example
 * ```ts
 * const disks = [{ diskTarget: 'vda', since: 'tuesday', image: { filename: '/backup/vda-wednesday.qcow2' } }];
 * const { steps, backup } = planBeginBackup(
 *   domain,
 *   { mode: 'push', disks, checkpoint: { name: 'wednesday' } },
 *   { now: 1700000000 },
 * );
 * steps.at(-1)?.command.kind; // 'transaction'
 * backup.disks[0]?.since?.name; // 'tuesday'
 * ```
 *
 * @see QEMU `blockdev-backup`, `block-export-add`, `transaction`; libvirt `qemuBackupBegin`
 */
export function planBeginBackup(domain: Domain, request: BackupRequest, options: { readonly now: number }): BackupPlan {
  return guardInput({ domain }, () => {
    const { now } = options;
    const examined = examineBackup(domain, request, now);
    throwProblems(examined.problems);
    const backup = backupOf(examined, request, now);
    const steps = [
      ...examined.disks.flatMap((each) => imageSteps(each, request.mode)),
      ...serverSteps(backup),
      beginStep(examined, backup),
      ...backup.disks.flatMap(exportSteps),
    ];
    return { ...finishPlan(domain, steps, treeWith(domain, examined, now)), backup };
  });
}

function backupOf({ disks, checkpoint }: ExaminedBackup, { mode, server }: BackupRequest, now: number): Backup {
  const inCheckpoint = new Set(
    checkpoint?.disks.filter(({ bitmap }) => bitmap !== undefined).map(({ disk }) => disk.diskTarget),
  );
  return {
    mode,
    timeSeconds: now,
    ...(checkpoint !== undefined && { checkpoint: checkpoint.name }),
    disks: disks.map((each): BackupDisk => {
      const { disk, active, image, base, request } = each;
      const { diskTarget } = disk;
      const { nodeName, filename } = image;
      const granularity = base?.changes.granularity ?? 0;
      return {
        diskTarget,
        jobId: backupIdOf(diskTarget),
        nodeName: active.nodeName,
        virtualSize: active.virtualSize,
        ...(base !== undefined && { since: identityOf(base.checkpoint), bitmap: backupIdOf(diskTarget) }),
        ...(granularity > 0 && { granularity }),
        inCheckpoint: inCheckpoint.has(diskTarget),
        image: { nodeName, fileNodeName: fileNodeNameOf(image), filename, format: request.image.format ?? 'qcow2' },
        ...(mode === 'pull' && { exportName: exportNameOf(request) }),
        ...(request.fleecing && { fleecing: fleecingOf(diskTarget) }),
      };
    }),
    ...(server !== undefined && { server }),
  };
}

function imageSteps({ disk, active, image, request }: ExaminedDisk, mode: Backup['mode']): readonly Step[] {
  const { diskTarget } = disk;
  const { virtualSize } = active;
  if (request.image.format === 'raw') return rawImageSteps(diskTarget, image, virtualSize);
  const standsOnDisk = mode === 'pull' && !request.fleecing;
  return newImageSteps(diskTarget, image, {
    virtualSize,
    opened: true,
    ...(standsOnDisk && { backing: active, fleeting: true as const }),
  });
}

function serverSteps({ server }: Backup): readonly Step[] {
  if (server === undefined || server.running) return [];
  return [
    {
      command: { kind: 'nbd-server-start', server },
      why: 'Let clients connect over NBD.',
      undo: { kind: 'nbd-server-stop' },
    },
  ];
}

/** Everything that sets the instant. */
function beginStep({ disks, checkpoint }: ExaminedBackup, backup: Backup): Step {
  const begun = checkpoint === undefined ? [] : newBitmaps(checkpoint.disks);
  const merges = disks.flatMap((each, place) => mergeActions(each, backup.disks[place] as BackupDisk));
  const starts = disks.map((each, place) => startOf(each, backup.disks[place] as BackupDisk, backup.mode));
  const actions = [...begun, ...merges, ...starts];
  const made = actions.flatMap((action): BitmapReference[] =>
    action.kind === 'bitmap-add' ? [{ nodeName: action.nodeName, bitmap: action.bitmap }] : [],
  );
  const which = disks.map(({ disk }) => disk.diskTarget).join(', ');
  const begins = checkpoint === undefined ? '' : `, and checkpoint "${checkpoint.name}" begins`;
  return {
    command: { kind: 'transaction', actions },
    why: `Back up ${which} as of one instant${begins}.`,
    undo: { kind: 'backup-cancel', jobs: starts.map(({ job }) => job), bitmaps: made },
  };
}

/** What was written since the checkpoint, over all layers, in a bitmap of the backup's own. */
function mergeActions({ base }: ExaminedDisk, disk: BackupDisk): readonly TransactionAction[] {
  const { bitmap, granularity } = disk;
  if (base === undefined || bitmap === undefined) return [];
  const nodeName = bitmapNodeOf(disk);
  const as = { persistent: false, recording: false, ...(granularity !== undefined && { granularity }) };
  return [
    { kind: 'bitmap-add', nodeName, bitmap, ...as },
    { kind: 'bitmap-merge', nodeName, intoBitmap: bitmap, sources: base.changes.sources },
  ];
}

/** In a push the job wants it on the disk. */
function bitmapNodeOf({ nodeName, image, exportName }: BackupDisk): string {
  return exportName === undefined ? nodeName : image.nodeName;
}

function startOf({ request }: ExaminedDisk, disk: BackupDisk, mode: Backup['mode']): BackupStartAction {
  const options = jobOptions(request);
  const job = { ...backupJobOf(mode, disk), ...(Object.keys(options).length > 0 && { options }) };
  return { kind: 'backup-start', job };
}

function jobOptions(request: BackupRequest['disks'][number]): Record<string, unknown> {
  const { speed, compress, maxWorkers, maxChunk, onCbwError, cbwTimeout } = request;
  const perf = {
    ...(maxWorkers !== undefined && { 'max-workers': maxWorkers }),
    ...(maxChunk !== undefined && { 'max-chunk': maxChunk }),
  };
  return {
    ...(speed !== undefined && { speed }),
    ...(compress && { compress }),
    ...(Object.keys(perf).length > 0 && { 'x-perf': perf }),
    ...(onCbwError !== undefined && { 'on-cbw-error': onCbwError }),
    ...(cbwTimeout !== undefined && { 'cbw-timeout': cbwTimeout }),
  };
}

function exportSteps(disk: BackupDisk): readonly Step[] {
  const { diskTarget, jobId, image, bitmap, exportName, fleecing } = disk;
  if (exportName === undefined) return [];
  const { nodeName } = fleecing ?? image;
  const what = { exportId: jobId, nodeName, exportName, ...(bitmap !== undefined && { bitmap }) };
  const isElsewhere = bitmap !== undefined && fleecing !== undefined;
  return [
    ...accessSteps(disk),
    {
      command: { kind: 'export-add', ...what, ...(isElsewhere && { bitmapNodeName: image.nodeName }) },
      why: `Let clients read disk ${diskTarget} as export "${exportName}".`,
      undo: { kind: 'export-remove', exportId: jobId },
    },
  ];
}

/** What the job's filter shows: of the scratch image what was overwritten, and all else of the disk. */
function accessSteps({ diskTarget, virtualSize, fleecing }: BackupDisk): readonly Step[] {
  if (fleecing === undefined) return [];
  const { nodeName, filterNodeName: fileNodeName } = fleecing;
  return [
    {
      command: { kind: 'node-add', nodeName, format: 'snapshot-access', virtualSize, fileNodeName },
      why: `Open node "${nodeName}", which shows disk ${diskTarget} as it was at that instant.`,
      undo: { kind: 'node-remove', nodeName },
    },
  ];
}

function treeWith({ checkpoints }: Domain, { checkpoint }: ExaminedBackup, now: number) {
  if (checkpoint === undefined) return checkpoints;
  const { name, definition, disks } = checkpoint;
  const made = newCheckpoint(definition, disks, { name, parent: checkpoints.current, now });
  return addCheckpoint(checkpoints, { ...made, provisional: true });
}
