import { examineBase } from '../check/backup-base.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { type CheckpointIdentity, isSameCheckpoint } from '../model/checkpoint-identity.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import { activeLayerOf, type Disk } from '../model/disk.js';
import { type Domain, findDisk } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import { ancestorsOf, descendantsOf } from '../tree/relatives.js';

/** For which disk a base is looked for. */
export interface BackupBaseRequest {
  readonly diskTarget: string;
  /** The checkpoint to be based on, or an older one; default: whichever is best for a backup of now. */
  readonly checkpoint?: string;
  /** The checkpoints of which a backup is at hand; default: all. Others are passed over. */
  readonly among?: readonly CheckpointIdentity[];
}

/** What a backup of a disk is to be based on. */
export interface BackupBase {
  readonly diskTarget: string;
  /** The name of the checkpoint; absent: a full backup. */
  readonly since?: string;
  /** One sentence for people. */
  readonly why: string;
  /** The most that is to be copied. */
  readonly bytes: number;
  /** Those that would have been better, and why they are not good. */
  readonly passedOver: readonly { readonly checkpoint: string; readonly problems: readonly Problem[] }[];
}

/**
 * Chooses the checkpoint that a backup of a disk is best based on.
 *
 * The wanted one where its bitmaps are good; else the nearest older one that is: it has all that was written since then, and so
 * all that was written since the wanted one too. Else none: a full backup. Never a newer one, which lacks what was written
 * before it. Where none is wanted all are older than now: the current one, what it descends from, and then the others.
 *
 * Older is what was made at an earlier second and does not descend from the wanted one, and of the same second what it descends
 * from.
 *
 * @throws {@link CheckpointError} with `disk-not-found`, `disk-empty`, `checkpoint-not-found`, or `invalid-input` where the
 * arguments are not a domain and a request at all.
 * @example
 * ```ts
 * chooseBackupBase(domain, { diskTarget: 'vda' });
 * // {
 * //   diskTarget: 'vda',
 * //   since: 'tuesday',
 * //   why: 'Disk vda: what was written since checkpoint "tuesday", at most 0 of 1073741824 bytes.',
 * //   bytes: 0,
 * //   passedOver: [],
 * // }
 * ```
 * @see libvirt `virDomainBackupBegin`, which refuses where the one that is asked for is not good
 */
export function chooseBackupBase(domain: Domain, request: BackupBaseRequest): BackupBase {
  return guardInput({ domain }, () => {
    const { diskTarget, among } = request;
    const { checkpoints: tree } = domain;
    const disk = findDisk(domain, diskTarget);
    if (disk === undefined) throwProblems([problem({ code: 'disk-not-found', disk: String(diskTarget) })]);
    const size = activeLayerOf(disk as Disk)?.virtualSize;
    if (size === undefined) throwProblems([problem({ code: 'disk-empty', diskTarget })]);
    const { checkpoint: name } = request;
    const wanted = name === undefined ? undefined : findCheckpoint(tree, name);
    if (name !== undefined && wanted === undefined) {
      throwProblems([problem({ code: 'checkpoint-not-found', checkpoint: String(name) })]);
    }
    const candidates = wanted === undefined ? nearestTo(tree, tree.current) : [wanted, ...olderThan(tree, wanted)];
    return choose(disk as Disk, size as number, candidates, among);
  });
}

function choose(
  disk: Disk,
  size: number,
  candidates: readonly Checkpoint[],
  among: readonly CheckpointIdentity[] | undefined,
): BackupBase {
  const { diskTarget } = disk;
  const passedOver: { checkpoint: string; problems: readonly Problem[] }[] = [];
  for (const checkpoint of candidates) {
    const { name } = checkpoint;
    const hasBackup = among?.some((each) => isSameCheckpoint(each, checkpoint)) ?? true;
    const { changes, problems } = examineBase(disk, checkpoint);
    const all = hasBackup ? problems : [problem({ code: 'backup-missing', diskTarget, checkpoint: name }), ...problems];
    if (all.length === 0) {
      const { bytes } = changes;
      const why = `Disk ${diskTarget}: what was written since checkpoint "${name}", at most ${bytes} of ${size} bytes.`;
      return { diskTarget, since: name, why, bytes, passedOver };
    }
    passedOver.push({ checkpoint: name, problems: all });
  }
  const none = passedOver.length === 0 ? 'there is no checkpoint' : 'no checkpoint is good';
  return { diskTarget, why: `Disk ${diskTarget}: all of its ${size} bytes, for ${none}.`, bytes: size, passedOver };
}

/** The nearest first. */
function olderThan(tree: CheckpointTree, wanted: Checkpoint): readonly Checkpoint[] {
  const lineage = new Set(ancestorsOf(tree, wanted.name));
  const newer = new Set(descendantsOf(tree, wanted.name));
  const { creationTimeSeconds: time } = wanted;
  return nearestTo(tree, wanted.name)
    .filter((each) => each !== wanted && !newer.has(each))
    .filter((each) => each.creationTimeSeconds < time || (each.creationTimeSeconds === time && lineage.has(each)))
    .toSorted((one, other) => other.creationTimeSeconds - one.creationTimeSeconds);
}

/** All of a tree: one, what it descends from, and then the others by their times, the newest first. */
function nearestTo(tree: CheckpointTree, name: string | undefined): readonly Checkpoint[] {
  const first = name === undefined ? undefined : findCheckpoint(tree, name);
  const lineage = first === undefined ? [] : [first, ...ancestorsOf(tree, first.name)];
  const others = tree.checkpoints.filter((each) => !lineage.includes(each)).toReversed();
  return [...lineage, ...others.toSorted((one, other) => other.creationTimeSeconds - one.creationTimeSeconds)];
}
