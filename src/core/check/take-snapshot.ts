import { guardInput } from '../guard-input.js';
import { type Bitmap, isSound } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import type { CheckpointDefinition } from '../model/checkpoint-definition.js';
import { activeLayerOf, type Disk } from '../model/disk.js';
import { type Domain, findDisk } from '../model/domain.js';
import { type NewImage, nodeOfNewImage } from '../model/new-image.js';
import { type Problem, problem } from '../problem.js';
import type { AlignedDisk } from './align-disks.js';
import { checkBitmapChain } from './bitmap-chain.js';
import { examineCreate } from './create-checkpoint.js';
import { checkNewBitmaps } from './new-bitmap.js';
import { checkFilename, checkNewImage, type NamesInUse, namesInUse } from './new-image.js';

/** Which disks get an overlay, and whether a checkpoint begins with that. */
export interface SnapshotRequest {
  readonly disks: readonly SnapshotDisk[];
  /** A checkpoint to be made at the same instant; its bitmaps are on the overlays, and on the active layers of other disks. */
  readonly checkpoint?: CheckpointDefinition;
}

/** A disk and what is to become its active layer. */
export interface SnapshotDisk {
  readonly diskTarget: string;
  /** A node that was added with `backing` set to `null`, as observed; or an image that the plan makes. */
  readonly overlay: BlockNode | NewImage;
}

export interface SnapshotOptions {
  /** Seconds since the epoch; needed with a checkpoint. */
  readonly now?: number;
}

/**
 * Lists everything that keeps a snapshot from being taken.
 *
 * @returns The problems of {@link planTakeSnapshot}; none where it can be taken.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a request at all.
 * @example
 * ```ts
 * const overlay = { nodeName: 'vda-2', filename: 'vda-2.qcow2' };
 * checkTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] }).map(({ code }) => code); // ['filename-invalid']
 * ```
 * @see QEMU `blockdev-snapshot`, `blockdev-create`
 */
export function checkTakeSnapshot(
  domain: Domain,
  request: SnapshotRequest,
  options: SnapshotOptions = {},
): readonly Problem[] {
  const { checkpoint: definition } = Object(request) as SnapshotRequest;
  return guardInput(
    { domain, ...(definition !== undefined && { definition }) },
    () => examineSnapshot(domain, request, options).problems,
  );
}

/** A disk that gets an overlay, and what goes with it. */
export interface OverlaidDisk {
  readonly disk: Disk;
  readonly active: BlockNode;
  /** The node as it is when it has been added. */
  readonly overlay: BlockNode;
  /** Absent where it is there already. */
  readonly made?: NewImage;
  /** What goes on being recorded. */
  readonly carried: readonly Bitmap[];
}

/**
 * What keeps a snapshot from being taken, and what it is made of where nothing does. By these rules:
 *
 * 1. each disk is in the domain, asked for once, writable, and has a medium and an active layer of its own;
 * 2. an overlay that is there is qcow2, writable, of the disk's size, stands on nothing, and is no layer of a disk;
 * 3. its file is no other's, and no checkpoint was made on a file of that name;
 * 4. one that is to be made: {@link checkNewImage};
 * 5. it can hold every bitmap of the active layer that is recording, persistent and consistent; the others stay behind, which
 *    is told;
 * 6. the checkpoint can be made on the disks as they are then.
 */
export function examineSnapshot(
  domain: Domain,
  { disks: requests, checkpoint: definition }: SnapshotRequest,
  { now = Number.NaN }: SnapshotOptions,
): {
  readonly overlaid: readonly OverlaidDisk[];
  readonly checkpoint?: { readonly name: string; readonly disks: readonly AlignedDisk[] };
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
} {
  const problems: Problem[] = [];
  const names = namesInUse(domain);
  const overlaid: OverlaidDisk[] = [];
  for (const { diskTarget, overlay } of requests) {
    const disk = findDisk(domain, diskTarget);
    const active = disk === undefined ? undefined : activeLayerOf(disk);
    // 1
    const wrong = checkDisk(domain, diskTarget, disk, overlaid);
    problems.push(...wrong);
    if (disk === undefined || active === undefined || wrong.length > 0) continue;
    const isMade = !('bitmaps' in overlay);
    problems.push(
      ...(isMade
        ? // 4
          checkNewImage(diskTarget, overlay, active, names)
        : checkOverlay(domain, { diskTarget, active, overlay }, names)),
      ...checkUsedOnce(diskTarget, overlay.nodeName, overlaid),
    );
    const below = { virtualSize: active.virtualSize, backing: active, opened: false };
    const node = isMade ? nodeOfNewImage(overlay, below) : overlay;
    const carried = active.bitmaps.filter(isSound);
    // 5
    problems.push(...checkNewBitmaps(diskTarget, node, carried));
    overlaid.push({ disk, active, overlay: node, carried, ...(isMade && { made: overlay }) });
  }
  const warnings = overlaid.flatMap(leftBehind);
  if (definition === undefined) return { overlaid, problems, warnings };
  // 6
  const { name, disks, problems: atCreate } = examineCreate(withOverlays(domain, overlaid), definition, now);
  const told = new Set(problems.map(({ text }) => text));
  problems.push(...atCreate.filter(({ text }) => !told.has(text)));
  return { overlaid, checkpoint: { name, disks }, problems, warnings };
}

function checkDisk(
  domain: Domain,
  diskTarget: string,
  disk: Disk | undefined,
  overlaid: readonly OverlaidDisk[],
): readonly Problem[] {
  if (disk === undefined) return [problem({ code: 'disk-not-found', disk: String(diskTarget) })];
  if (overlaid.some((each) => each.disk === disk)) return [problem({ code: 'disk-asked-twice', disk: diskTarget })];
  const nodeName = activeLayerOf(disk)?.nodeName;
  if (nodeName === undefined) return [problem({ code: 'disk-empty', diskTarget })];
  if (disk.readOnly) return [problem({ code: 'disk-read-only', diskTarget })];
  return domain.disks.flatMap((other) =>
    other !== disk && activeLayerOf(other)?.nodeName === nodeName
      ? [problem({ code: 'node-shared', diskTarget, nodeName, otherDiskTarget: other.diskTarget })]
      : [],
  );
}

function checkOverlay(
  { disks }: Domain,
  {
    diskTarget,
    active,
    overlay,
  }: { readonly diskTarget: string; readonly active: BlockNode; readonly overlay: BlockNode },
  names: NamesInUse,
): readonly Problem[] {
  const problems: Problem[] = [];
  const { nodeName, format, readOnly, virtualSize, filename, backingFilename } = overlay;
  const where = { diskTarget, nodeName };
  const unsuitable = (reason: 'read-only' | 'not-qcow2' | 'is-layer' | 'has-backing') =>
    problems.push(problem({ code: 'node-unsuitable', ...where, reason }));
  // 2
  const isLayer = disks.some(({ backingChain }) => backingChain.some((layer) => layer.nodeName === nodeName));
  if (isLayer) unsuitable('is-layer');
  if (format !== 'qcow2') unsuitable('not-qcow2');
  if (readOnly) unsuitable('read-only');
  if (backingFilename !== undefined) unsuitable('has-backing');
  if (virtualSize !== active.virtualSize) {
    problems.push(problem({ code: 'size-differs', ...where, virtualSize, expectedSize: active.virtualSize }));
  }
  // 3
  if (filename !== undefined) problems.push(...checkFilename(filename, names, nodeName));
  return problems;
}

function checkUsedOnce(diskTarget: string, nodeName: string, overlaid: readonly OverlaidDisk[]): readonly Problem[] {
  const other = overlaid.find(({ overlay }) => overlay.nodeName === nodeName)?.disk.diskTarget;
  if (other === undefined) return [];
  return [problem({ code: 'node-shared', diskTarget, nodeName, otherDiskTarget: other })];
}

function leftBehind({ disk: { diskTarget }, active }: OverlaidDisk): readonly Problem[] {
  const left = active.bitmaps.filter((bitmap) => !isSound(bitmap));
  return left.flatMap(({ name }) => checkBitmapChain([active], name, { diskTarget }));
}

/** The disks as they are once the overlays are on them, still found by the path they have now. */
function withOverlays(domain: Domain, overlaid: readonly OverlaidDisk[]): Domain {
  const byDisk = new Map(overlaid.map((each) => [each.disk, each]));
  const disks = domain.disks.map((disk) => {
    const change = byDisk.get(disk);
    if (change === undefined) return disk;
    const { overlay, carried } = change;
    const active = { ...overlay, bitmaps: [...carried, ...overlay.bitmaps] };
    return { ...disk, backingChain: [active, ...disk.backingChain] };
  });
  return { ...domain, disks };
}
