import { checkRemovals, type DoomedBitmap, layersWith } from '../check/bitmap-removal.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import { type Backup, type BackupDisk, parseBackup } from '../model/backup.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { type Domain, findDisk } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';
import { putCheckpoints, removeCheckpoints } from '../tree/edit-tree.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import { backupJobOf } from './backup-job.js';
import { removalSteps } from './bitmap-removal.js';
import { dismissStep, waitStep } from './job-steps.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/** What is to become of a backup. */
export interface EndBackupOptions {
  /** The disks whose backup is complete and is kept; default: none, which takes everything back. */
  readonly complete?: readonly string[];
}

/** A plan that ends a backup. */
export interface EndBackupPlan extends Plan {
  /** What it ends. */
  readonly ended: Backup;
}

/**
 * Plans the end of a backup: exports, jobs, temporary bitmaps and nodes go, and its checkpoint stays or goes.
 *
 * On disks whose backup is complete the checkpoint stays, and can be a base from then on; on the others its bitmap is removed, and
 * where no disk is left the checkpoint goes as a whole. The older checkpoints are as they were all the time.
 *
 * In a push the job of a complete disk is waited for; if it fails after all, so does the plan, and ending again without that
 * disk is right. The other jobs are cancelled. What is gone already is passed over: so the same plan ends a backup whose process
 * has died, or whose QEMU has, from what was kept of it.
 *
 * When the steps are done the images are closed, and only then all that was written to them is on disk. Their files stay.
 *
 * @param domain - As observed just now, with the provisional checkpoint. Not modified.
 * @param backup - As {@link planBeginBackup} gave it.
 * @returns The steps in the order to run them, and the domain once they have all succeeded. Disks that are gone are told in
 * `warnings` (`disk-gone`).
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `disk-not-found`: a disk that is said to be complete is not one of the backup's;
 * - `bitmap-busy`: someone else's job or export holds a bitmap of the checkpoint that is to go;
 * - `node-not-reopenable`: a snapshot was taken meanwhile, and the layer below cannot be opened for writing;
 * - `invalid-input`: the arguments are not a domain and a backup at all.
 *
 * @example
 * ```ts
 * const disks = [{ diskTarget: 'vda', image: { filename: '/backup/vda.qcow2' } }];
 * const { next, backup } = planBeginBackup(domain, { mode: 'push', disks }, { now: 1700000000 });
 * planEndBackup(next, backup, { complete: ['vda'] }).steps.map(({ command }) => command.kind);
 * // ['job-wait', 'job-dismiss', 'node-remove', 'node-remove']
 * ```
 *
 * @see QEMU `block-export-del`, `job-dismiss`, `blockdev-del`; libvirt `qemuBackupNotifyBlockjobEnd`
 */
export function planEndBackup(domain: Domain, backup: Backup, options: EndBackupOptions = {}): EndBackupPlan {
  return guardInput({ domain }, () => {
    const ended = parseBackup(backup);
    const complete = new Set(options.complete);
    const strangers = [...complete].filter((target) => !ended.disks.some(({ diskTarget }) => diskTarget === target));
    const { doomed, problems, warnings } = examineEnd(domain, ended, complete);
    throwProblems([...strangers.map((disk) => problem({ code: 'disk-not-found', disk: String(disk) })), ...problems]);
    const steps = [
      ...ended.disks.flatMap(unexportSteps),
      ...serverSteps(ended),
      ...jobSteps(ended, complete),
      ...(doomed.length === 0 ? [] : removalSteps(domain, doomed, whyRemove(ended, complete))),
      ...ended.disks.flatMap(closeSteps),
    ];
    return { ...finishPlan(domain, steps, treeAfter(domain.checkpoints, ended, complete), warnings), ended };
  });
}

/** The bitmaps that go: the temporary ones, and the checkpoint's where the backup is not complete. */
function examineEnd(domain: Domain, ended: Backup, complete: ReadonlySet<string>) {
  const { checkpoint: name, disks } = ended;
  const checkpoint = provisional(domain.checkpoints, ended);
  const doomed: DoomedBitmap[] = [];
  const ofCheckpoint: DoomedBitmap[] = [];
  const warnings: Problem[] = [];
  const doom = (diskTarget: string, bitmap: string | undefined, into: DoomedBitmap[]) => {
    const chain = findDisk(domain, diskTarget)?.backingChain ?? [];
    const layers = bitmap === undefined ? [] : layersWith(chain, bitmap);
    if (bitmap !== undefined && layers.length > 0) into.push({ diskTarget, bitmap, layers });
  };
  for (const { diskTarget, bitmap } of disks) {
    doom(diskTarget, bitmap, doomed);
    const isGone = findDisk(domain, diskTarget) === undefined;
    if (isGone && name !== undefined) warnings.push(problem({ code: 'disk-gone', diskTarget, checkpoint: name }));
  }
  const isKept = keeps(disks, complete);
  for (const { diskTarget, bitmap } of checkpoint?.disks ?? []) {
    if (!isKept(diskTarget)) doom(diskTarget, bitmap, ofCheckpoint);
  }
  // The backup's own are busy until its jobs are gone, which comes first.
  return { doomed: [...doomed, ...ofCheckpoint], problems: checkRemovals(ofCheckpoint), warnings };
}

/** Whether a checkpoint stays on a disk. One that takes part in it and is not backed up goes only with the whole. */
function keeps(disks: Backup['disks'], complete: ReadonlySet<string>): (diskTarget: string) => boolean {
  const backedUp = new Set(disks.map(({ diskTarget }) => diskTarget));
  return (diskTarget) => complete.has(diskTarget) || (complete.size > 0 && !backedUp.has(diskTarget));
}

/** One that was confirmed, or made anew under its name, is no longer this backup's. */
function provisional(tree: CheckpointTree, { checkpoint: name, timeSeconds }: Backup): Checkpoint | undefined {
  const found = name === undefined ? undefined : findCheckpoint(tree, name);
  return found?.provisional && found.creationTimeSeconds === timeSeconds ? found : undefined;
}

function unexportSteps({ diskTarget, jobId, exportName, fleecing }: BackupDisk): readonly Step[] {
  if (exportName === undefined) return [];
  const why = `End the export of disk ${diskTarget}.`;
  const unexport: Step = { command: { kind: 'export-remove', exportId: jobId }, why };
  if (fleecing === undefined) return [unexport];
  const { nodeName } = fleecing;
  const command = { kind: 'node-remove', nodeName, mayBeGone: true } as const;
  return [unexport, { command, why: `Close node "${nodeName}", which clients have read.` }];
}

function serverSteps({ server }: Backup): readonly Step[] {
  if (server === undefined || server.running) return [];
  return [{ command: { kind: 'nbd-server-stop' }, why: 'Let no more clients connect over NBD.' }];
}

/** None is forgotten before all were waited for: where one has failed, the others can still be seen to have ended well. */
function jobSteps({ mode, disks }: Backup, complete: ReadonlySet<string>): readonly Step[] {
  const waits: Step[] = [];
  const ends: Step[] = [];
  for (const disk of disks) {
    const { diskTarget } = disk;
    const job = backupJobOf(mode, disk);
    if (mode === 'push' && complete.has(diskTarget)) {
      waits.push(waitStep(job, 'concluded', `See that the backup of disk ${diskTarget} has ended well.`));
      ends.push(dismissStep(job));
    } else ends.push({ command: { kind: 'job-cancel', job }, why: `End the job of disk ${diskTarget}.` });
  }
  return [...waits, ...ends];
}

function closeSteps({ image: { nodeName, fileNodeName, filename } }: BackupDisk): readonly Step[] {
  return [
    {
      command: { kind: 'node-remove', nodeName, mayBeGone: true },
      why: `Close the image "${filename}", with which all that was written to it is on disk.`,
    },
    { command: { kind: 'node-remove', nodeName: fileNodeName, mayBeGone: true }, why: 'Close its protocol layer.' },
  ];
}

function whyRemove({ checkpoint }: Backup, complete: ReadonlySet<string>): string {
  if (checkpoint === undefined || complete.size > 0) return 'Remove the bitmaps that nothing needs any more.';
  return `Remove the temporary bitmaps, and those of checkpoint "${checkpoint}", whose backup is not complete.`;
}

/** A disk without a bitmap takes no part in the checkpoint. */
function treeAfter(tree: CheckpointTree, ended: Backup, complete: ReadonlySet<string>): CheckpointTree {
  const checkpoint = provisional(tree, ended);
  if (checkpoint === undefined) return tree;
  const { provisional: _, ...confirmed } = checkpoint;
  const isKept = keeps(ended.disks, complete);
  const disks = checkpoint.disks.map((disk) => (isKept(disk.diskTarget) ? disk : { diskTarget: disk.diskTarget }));
  if (!disks.some(({ bitmap }) => bitmap !== undefined)) return removeCheckpoints(tree, new Set([checkpoint.name]));
  return putCheckpoints(tree, [{ ...confirmed, disks }], tree.current);
}
