import { guardInput } from '../guard-input.js';
import type { CheckpointDefinition } from '../model/checkpoint-definition.js';
import { activeLayerOf } from '../model/disk.js';
import type { Domain } from '../model/domain.js';
import { isCheckpointName } from '../model/names.js';
import { type Problem, problem } from '../problem.js';
import { findCheckpoint, possibleOwners } from '../tree/find-checkpoint.js';
import { type AlignedDisk, alignDisks } from './align-disks.js';
import { checkNewBitmap } from './new-bitmap.js';

/**
 * Lists everything that keeps a checkpoint from being made.
 *
 * The disks asked for are laid beside the domain's as libvirt does it, and each active layer is looked at for what QEMU
 * would refuse or silently lose. All problems are listed, not the first.
 *
 * @param options - `now`: the creation time in seconds since the epoch.
 * @returns The problems of {@link planCreateCheckpoint}; none where the checkpoint can be made.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a definition at all.
 * @example
 * ```ts
 * checkCreateCheckpoint(domain, { name: 'monday' }, { now: 1700000000 }).map(({ code }) => code);
 * // ['checkpoint-exists', 'bitmap-exists']
 * ```
 * @see libvirt `virDomainCheckpointAlignDisks`, `qemuCheckpointPrepare`
 */
export function checkCreateCheckpoint(
  domain: Domain,
  definition: CheckpointDefinition,
  options: { readonly now: number },
): readonly Problem[] {
  return guardInput({ domain, definition }, () => examineCreate(domain, definition, options.now).problems);
}

/** The problems, and what the checkpoint is made of where there are none. */
export function examineCreate(
  domain: Domain,
  definition: CheckpointDefinition,
  now: number,
): { readonly name: string; readonly disks: readonly AlignedDisk[]; readonly problems: readonly Problem[] } {
  const { name = String(now) } = definition;
  const aligned = alignDisks(domain, definition, name);
  const problems = [...checkNaming(domain, definition, name, now), ...aligned.problems];
  problems.push(...checkSharedNodes(aligned.disks), ...checkClaims(domain, name, aligned.disks));
  for (const { disk, bitmap } of aligned.disks) {
    const node = activeLayerOf(disk);
    if (bitmap !== undefined && node !== undefined && !disk.readOnly) {
      problems.push(...checkNewBitmap(disk.diskTarget, node, bitmap));
    }
  }
  return { name, disks: aligned.disks, problems };
}

function checkNaming(domain: Domain, definition: CheckpointDefinition, name: string, now: number): Problem[] {
  const problems: Problem[] = [];
  const isTime = isCreationTime(now);
  if (!isTime) problems.push(problem({ code: 'creation-time-invalid' }));
  const byDefault = definition.name === undefined;
  if (byDefault ? isTime : true) {
    if (!isCheckpointName(name)) problems.push(problem({ code: 'checkpoint-name-invalid', checkpoint: String(name) }));
    else if (findCheckpoint(domain.checkpoints, name) !== undefined) {
      problems.push(problem({ code: 'checkpoint-exists', checkpoint: name, byDefault }));
    }
  }
  return problems;
}

/** Whole seconds since the epoch. */
export function isCreationTime(now: number): boolean {
  return Number.isSafeInteger(now) && now >= 0;
}

/** Two disks on one node are a slip of whoever named the nodes; QEMU would refuse the second bitmap. */
function checkSharedNodes(disks: readonly AlignedDisk[]): readonly Problem[] {
  const problems: Problem[] = [];
  const users = new Map<string, string>();
  for (const { disk, bitmap } of disks) {
    const nodeName = activeLayerOf(disk)?.nodeName;
    if (bitmap === undefined || nodeName === undefined) continue;
    const { diskTarget } = disk;
    const otherDiskTarget = users.get(nodeName);
    if (otherDiskTarget === undefined) users.set(nodeName, diskTarget);
    else problems.push(problem({ code: 'node-shared', diskTarget, nodeName, otherDiskTarget }));
  }
  return problems;
}

/**
 * A bitmap may be lost and its checkpoint not know it yet. A new bitmap of that name would pass for the lost one, and a
 * backup since the older checkpoint would lack what was written before: silently wrong.
 */
function checkClaims(domain: Domain, name: string, disks: readonly AlignedDisk[]): readonly Problem[] {
  const names = new Set<string>();
  for (const { bitmap } of disks) if (bitmap !== undefined) names.add(bitmap.name);
  // A checkpoint of the new one's own name is a problem already.
  const owners = possibleOwners(domain.checkpoints, names).filter((checkpoint) => checkpoint.name !== name);
  if (owners.length === 0) return [];
  const asked = new Map(disks.map(({ disk, bitmap }) => [disk.diskTarget, bitmap?.name]));
  return owners.flatMap((checkpoint) =>
    checkpoint.disks.flatMap(({ diskTarget, bitmap }) =>
      bitmap !== undefined && asked.get(diskTarget) === bitmap
        ? [problem({ code: 'bitmap-claimed', diskTarget, bitmap, checkpoint: checkpoint.name })]
        : [],
    ),
  );
}
