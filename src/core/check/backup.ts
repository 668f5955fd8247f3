import { guardInput } from '../guard-input.js';
import { findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { Checkpoint } from '../model/checkpoint.js';
import type { CheckpointDefinition, CheckpointDiskDefinition } from '../model/checkpoint-definition.js';
import { activeLayerOf, type Disk } from '../model/disk.js';
import { type Domain, findDisk, findNode } from '../model/domain.js';
import { type NbdServer, parseNbdServer } from '../model/nbd-server.js';
import type { NewImage } from '../model/new-image.js';
import { type Problem, problem } from '../problem.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import type { AlignedDisk } from './align-disks.js';
import { type ChangesSince, examineBase } from './backup-base.js';
import { backupIdOf, backupNodeNameOf } from './backup-names.js';
import { examineCreate, isCreationTime } from './create-checkpoint.js';
import { checkNewImage, namesInUse } from './new-image.js';

/** Which disks are to be backed up, how, and whether a checkpoint begins with that. */
export interface BackupRequest {
  /** `push`: QEMU writes to images of its own; `pull`: clients read over NBD. */
  readonly mode: 'push' | 'pull';
  readonly disks: readonly BackupDiskRequest[];
  /** A checkpoint that begins at the same instant; where it names no disk, those of the backup that can have one take part. */
  readonly checkpoint?: CheckpointDefinition;
  /** In a pull: where clients connect. */
  readonly server?: NbdServer;
}

/** How one disk is to be backed up. */
export interface BackupDiskRequest {
  readonly diskTarget: string;
  /** The name of a checkpoint: only what was written since then; absent: everything. */
  readonly since?: string;
  /** The target of a push; in a pull the scratch image, which keeps what the guest overwrites meanwhile. */
  readonly image: BackupImage;
  /** In a pull: what clients call the disk; default: the disk's target. */
  readonly exportName?: string;
  /**
   * In a pull: clients read the disk itself, through the job's filter, and of the scratch image only what the guest has
   * overwritten meanwhile. The scratch image then stands on nothing, and a snapshot of QEMU 10.1 and later may break rather than a
   * guest's write fail or wait ({@link BackupDiskRequest.onCbwError}, `cbwTimeout`): clients see that, for reading fails.
   *
   * QEMU 7.2 shows zeros where the guest has written zeros since: so running such a plan is refused before 10.0.
   */
  readonly fleecing?: true;
  /** In a push: bytes a second; default: as fast as it goes. */
  readonly speed?: number;
  /** In a push to qcow2: compress what is written. */
  readonly compress?: boolean;
  /** How many requests are under way at most. */
  readonly maxWorkers?: number;
  /** How many bytes a request has at most. */
  readonly maxChunk?: number;
  /**
   * In a push, and with fleecing: what happens where the image cannot take what the guest is about to overwrite: its write fails, as
   * it does by default, or the backup does. QEMU 10.1 and later.
   */
  readonly onCbwError?: 'break-guest-write' | 'break-snapshot';
  /** Seconds that a guest's write waits for the image at most; 0: as long as it takes. QEMU 10.1 and later. */
  readonly cbwTimeout?: number;
}

/** An image that is made for a backup. */
export interface BackupImage {
  /** Where it is to lie, as an absolute path. A file that is there is overwritten. */
  readonly filename: string;
  /** Default: qcow2, without which only what was written cannot be told from zeros. */
  readonly format?: 'qcow2' | 'raw';
  /** Bytes per cluster of a qcow2 image; default: QEMU's 65536. */
  readonly clusterSize?: number;
}

/**
 * Lists everything that keeps a backup from being begun.
 *
 * @param options - `now`: seconds since the epoch.
 * @returns The problems of {@link planBeginBackup}; none where it can be begun.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a request at all.
 * @example
 * ```ts
 * const disks = [{ diskTarget: 'vda', since: 'friday', image: { filename: '/backup/vda.qcow2' } }];
 * checkBeginBackup(domain, { mode: 'push', disks }, { now: 1700000000 }).map(({ code }) => code);
 * // ['checkpoint-not-found']
 * ```
 */
export function checkBeginBackup(
  domain: Domain,
  request: BackupRequest,
  options: { readonly now: number },
): readonly Problem[] {
  return guardInput({ domain }, () => examineBackup(domain, request, options.now).problems);
}

/** A disk that is backed up, and what goes with it. */
export interface ExaminedDisk {
  readonly disk: Disk;
  readonly active: BlockNode;
  readonly request: BackupDiskRequest;
  readonly image: NewImage;
  /** What it is based on; absent: a full backup. */
  readonly base?: { readonly checkpoint: Checkpoint; readonly changes: ChangesSince };
}

export interface ExaminedBackup {
  readonly disks: readonly ExaminedDisk[];
  readonly checkpoint?: {
    readonly name: string;
    readonly definition: CheckpointDefinition;
    readonly disks: readonly AlignedDisk[];
  };
  readonly problems: readonly Problem[];
}

/**
 * What keeps a backup from being begun, and what it is made of where nothing does. By these rules:
 *
 * 1. at least one disk is asked for, each once, is in the domain and has a medium;
 * 2. what a disk is based on: {@link examineBase}, and no job or export holds a bitmap that is to be merged;
 * 3. an image that holds only what changed, and a scratch image, is qcow2;
 * 4. the image can be made: {@link checkNewImage};
 * 5. the name of what is temporary is free on every layer, and no checkpoint's;
 * 6. a pull has a server, a push has none; without credentials for TLS one that is reached over the network is asked for as plain;
 * 7. exports have different names;
 * 8. the checkpoint can be made;
 * 9. a pull without fleecing does not let the snapshot break rather than a guest's write, for clients would read on, and not the
 *    instant; a push has nothing to show.
 */
export function examineBackup(domain: Domain, request: BackupRequest, now: number): ExaminedBackup {
  const { mode, disks: requests, checkpoint: definition } = request;
  const problems: Problem[] = [];
  if (mode !== 'push' && mode !== 'pull') {
    const expected = 'must be "push" or "pull"';
    return { disks: [], problems: [problem({ code: 'invalid-input', subject: 'request', path: ['mode'], expected })] };
  }
  const names = namesInUse(domain);
  const disks: ExaminedDisk[] = [];
  // 1
  if (requests.length === 0) problems.push(problem({ code: 'backup-without-disks' }));
  for (const each of requests) {
    const disk = findDisk(domain, each.diskTarget);
    const active = disk === undefined ? undefined : activeLayerOf(disk);
    // 1
    const wrong = checkDisk(each.diskTarget, disk, disks);
    problems.push(...wrong);
    if (disk === undefined || active === undefined || wrong.length > 0) continue;
    const image = imageOf(each);
    const base = baseOf(domain, disk, each, problems);
    problems.push(...checkImage(request, each), ...checkNewImage(disk.diskTarget, image, undefined, names));
    problems.push(...checkTemporary(domain, disk), ...checkBreaking(mode, each));
    disks.push({ disk, active, request: each, image, ...(base !== undefined && { base }) });
  }
  problems.push(...checkServer(request), ...(mode === 'pull' ? checkExports(disks) : []));
  if (definition === undefined) {
    if (!isCreationTime(now)) problems.push(problem({ code: 'creation-time-invalid' }));
    return { disks, problems };
  }
  const namesNone = definition.disks === undefined || definition.disks.length === 0;
  const asked = namesNone ? { ...definition, disks: able(disks) } : definition;
  // 8
  const { name, disks: aligned, problems: atCreate } = examineCreate(domain, asked, now);
  return {
    disks,
    checkpoint: { name, definition, disks: aligned },
    problems: [...problems, ...atCreate],
  };
}

/** The name an export has for its clients. */
export function exportNameOf({ diskTarget, exportName = diskTarget }: BackupDiskRequest): string {
  return exportName;
}

function checkDisk(diskTarget: string, disk: Disk | undefined, before: readonly ExaminedDisk[]): readonly Problem[] {
  if (disk === undefined) return [problem({ code: 'disk-not-found', disk: String(diskTarget) })];
  if (before.some((each) => each.disk === disk)) return [problem({ code: 'disk-asked-twice', disk: diskTarget })];
  return activeLayerOf(disk) === undefined ? [problem({ code: 'disk-empty', diskTarget })] : [];
}

function baseOf(
  domain: Domain,
  disk: Disk,
  { since }: BackupDiskRequest,
  problems: Problem[],
): ExaminedDisk['base'] | undefined {
  if (since === undefined) return undefined;
  const checkpoint = findCheckpoint(domain.checkpoints, since);
  if (checkpoint === undefined) {
    problems.push(problem({ code: 'checkpoint-not-found', checkpoint: String(since) }));
    return undefined;
  }
  // 2
  const { changes, problems: faults } = examineBase(disk, checkpoint);
  const { diskTarget } = disk;
  const busy = changes.sources.filter(({ nodeName, bitmap }) => isBusy(domain, nodeName, bitmap));
  problems.push(...faults, ...busy.map((source) => problem({ code: 'bitmap-busy', diskTarget, ...source })));
  return { checkpoint, changes };
}

function isBusy(domain: Domain, nodeName: string, bitmap: string): boolean {
  const node = findNode(domain, nodeName);
  return node !== undefined && findBitmap(node, bitmap)?.busy === true;
}

function imageOf({ diskTarget, image: { filename, clusterSize } }: BackupDiskRequest): NewImage {
  return {
    nodeName: backupNodeNameOf(diskTarget),
    filename,
    ...(clusterSize !== undefined && { clusterSize }),
  };
}

function checkImage({ mode, disks }: BackupRequest, request: BackupDiskRequest): readonly Problem[] {
  const { diskTarget, since, image } = request;
  const { format = 'qcow2' } = image;
  if (format === 'qcow2') return [];
  if (format !== 'raw') {
    const path = ['disks', disks.indexOf(request), 'image', 'format'];
    return [problem({ code: 'invalid-input', subject: 'request', path, expected: 'must be "qcow2" or "raw"' })];
  }
  // 3
  if (mode === 'pull') return [problem({ code: 'image-not-qcow2', diskTarget, needed: 'scratch' })];
  return since === undefined ? [] : [problem({ code: 'image-not-qcow2', diskTarget, needed: 'incremental' })];
}

function checkBreaking(
  mode: BackupRequest['mode'],
  { diskTarget, onCbwError, fleecing }: BackupDiskRequest,
): readonly Problem[] {
  // 9
  if (mode === 'push') return fleecing ? [problem({ code: 'fleecing-unused', diskTarget })] : [];
  return fleecing || onCbwError !== 'break-snapshot' ? [] : [problem({ code: 'snapshot-may-break', diskTarget })];
}

/** A leftover of a backup that did not end must not be taken for this one's. */
function checkTemporary({ checkpoints }: Domain, { diskTarget, backingChain }: Disk): readonly Problem[] {
  const bitmap = backupIdOf(diskTarget);
  const problems: Problem[] = [];
  for (const node of backingChain) {
    const found = findBitmap(node, bitmap);
    const { nodeName } = node;
    // 5
    if (found !== undefined) {
      const { inconsistent } = found;
      problems.push(problem({ code: 'bitmap-exists', diskTarget, nodeName, bitmap, inconsistent }));
    }
  }
  const owner = checkpoints.checkpoints.find(({ disks }) =>
    disks.some((part) => part.diskTarget === diskTarget && part.bitmap === bitmap),
  );
  if (owner !== undefined) {
    problems.push(problem({ code: 'bitmap-claimed', diskTarget, bitmap, checkpoint: owner.name }));
  }
  return problems;
}

function checkServer({ mode, server }: BackupRequest): readonly Problem[] {
  // 6
  if (mode === 'push') return server === undefined ? [] : [problem({ code: 'server-unused' })];
  if (server === undefined) return [problem({ code: 'server-needed' })];
  // What cannot be read back could not be ended.
  parseNbdServer(server);
  if (server.type === 'unix' || server.running || server.tlsCreds !== undefined || server.plain) return [];
  return [problem({ code: 'server-plain', host: server.host })];
}

function checkExports(disks: readonly ExaminedDisk[]): readonly Problem[] {
  const names = disks.map(({ request }) => exportNameOf(request));
  // 7
  return disks.flatMap(({ disk: { diskTarget } }, place) => {
    const exportName = names[place] as string;
    return names.indexOf(exportName) === place ? [] : [problem({ code: 'export-name-taken', diskTarget, exportName })];
  });
}

/** The disks of a backup that can have a bitmap; where none can, all of them, so that it is told why. */
function able(disks: readonly ExaminedDisk[]): readonly CheckpointDiskDefinition[] {
  const found = disks.filter(
    ({ disk, active }) => !disk.readOnly && active.format === 'qcow2' && active.qcow2Version !== 2,
  );
  return (found.length === 0 ? disks : found).map(({ disk: { diskTarget } }) => ({ disk: diskTarget }));
}
