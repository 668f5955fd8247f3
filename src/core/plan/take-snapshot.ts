import type { BitmapAddAction, SnapshotTakeAction, TransactionAction } from '../action.js';
import {
  examineSnapshot,
  type OverlaidDisk,
  type SnapshotOptions,
  type SnapshotRequest,
} from '../check/take-snapshot.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import { type Domain, withNode } from '../model/domain.js';
import { addCheckpoint } from '../tree/edit-tree.js';
import { newBitmaps, newCheckpoint } from './new-checkpoint.js';
import { newImageSteps } from './new-image.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/**
 * Plans a snapshot of disks: the guest goes on in overlays, and every checkpoint goes on with it.
 *
 * Over all disks at once, at one point in time and in a single transaction, each overlay is put on its disk and gets every
 * bitmap of the active layer that is recording, persistent and consistent, as fine as it is there. The layer below turns
 * read-only by itself and keeps its own bitmaps: what a checkpoint covers is on all its layers together, so dropping an
 * overlay loses nothing either. With `checkpoint` a new checkpoint begins in that very transaction, its bitmap on the
 * overlays only: a snapshot and a checkpoint at one instant. Disks without an overlay take part in it as they are.
 *
 * An overlay that is not there yet is made and opened first. If anything fails, its node is closed again; its file stays,
 * which no monitor can delete.
 *
 * Bitmaps that are not carried over, because they are inconsistent, stopped or transient, are told in `warnings`
 * (`bitmap-inconsistent`, `bitmap-not-recording`, `bitmap-transient`).
 *
 * @param domain - The domain as last observed. Not modified.
 * @param options - `now`: with a checkpoint, its creation time in seconds since the epoch.
 * @returns The steps in the order to run them, and the domain once they have all succeeded.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `disk-not-found`, `disk-asked-twice`, `disk-empty`, `disk-read-only`, `node-shared`: the disks asked for do not fit the
 *   domain's, or two have one node;
 * - `node-unsuitable`, `size-differs`: an overlay that is there cannot be put on the disk;
 * - `node-name-invalid`, `node-name-taken`, `filename-invalid`, `filename-taken`, `backing-filename-unknown`,
 *   `cluster-size-invalid`: an overlay cannot be made;
 * - `bitmap-exists`, `too-many-bitmaps`, `bitmap-directory-full`, `format-unsupported`, `qcow2-version-unsupported`,
 *   `node-read-only`: an overlay cannot hold the bitmaps;
 * - with `checkpoint`, the problems of {@link planCreateCheckpoint};
 * - `invalid-input`: the arguments are not a domain and a request at all.
 *
 * @example
 * ```ts
 * const overlay = { nodeName: 'vda-2', filename: '/images/vda-2.qcow2' };
 * const { steps, next } = planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] });
 * steps.at(-1)?.command;
 * // { kind: 'transaction', actions: [
 * //   { kind: 'snapshot-take', nodeName: 'vda-active', overlayNodeName: 'vda-2' },
 * //   { kind: 'bitmap-add', nodeName: 'vda-2', bitmap: 'monday', persistent: true, recording: true, granularity: 65536 },
 * //   { kind: 'bitmap-add', nodeName: 'vda-2', bitmap: 'tuesday', persistent: true, recording: true, granularity: 65536 },
 * // ] }
 * next.disks[0]?.backingChain.map(({ nodeName }) => nodeName); // ['vda-2', 'vda-active']
 * ```
 *
 * @see QEMU `blockdev-snapshot`, `blockdev-create`, `transaction`; libvirt `qemuSnapshotDiskBitmapsPropagate`
 */
export function planTakeSnapshot(domain: Domain, request: SnapshotRequest, options: SnapshotOptions = {}): Plan {
  const { checkpoint: definition } = Object(request) as SnapshotRequest;
  return guardInput({ domain, ...(definition !== undefined && { definition }) }, () => {
    const { overlaid, checkpoint, problems, warnings } = examineSnapshot(domain, request, options);
    throwProblems(problems);
    const begun = checkpoint === undefined ? [] : newBitmaps(checkpoint.disks);
    const actions = [...overlaid.flatMap(snapshotActions), ...begun];
    const steps = [
      ...overlaid.flatMap(imageSteps),
      ...(actions.length === 0 ? [] : [snapshotStep(overlaid, actions, checkpoint?.name)]),
    ];
    const there = overlaid.filter(({ made }) => made === undefined).map(({ overlay }) => overlay);
    return finishPlan(there.reduce(withNode, domain), steps, treeWith(domain, request, options, checkpoint), warnings);
  });
}

function imageSteps({ disk: { diskTarget }, active, made }: OverlaidDisk): readonly Step[] {
  if (made === undefined) return [];
  return newImageSteps(diskTarget, made, { virtualSize: active.virtualSize, backing: active, opened: false });
}

function snapshotActions({ active, overlay, carried }: OverlaidDisk): readonly TransactionAction[] {
  const { nodeName } = overlay;
  const take: SnapshotTakeAction = {
    kind: 'snapshot-take',
    nodeName: active.nodeName,
    overlayNodeName: nodeName,
  };
  // QEMU lists the newest bitmap first: so they end up in the same order.
  const adds = carried.toReversed().map(({ name, granularity }): BitmapAddAction => {
    const as = { persistent: true, recording: true, ...(granularity > 0 && { granularity }) };
    return { kind: 'bitmap-add', nodeName, bitmap: name, ...as };
  });
  return [take, ...adds];
}

function snapshotStep(
  overlaid: readonly OverlaidDisk[],
  actions: readonly TransactionAction[],
  checkpoint: string | undefined,
): Step {
  const disks = overlaid.map(({ disk }) => disk.diskTarget).join(', ');
  const begins = checkpoint === undefined ? '' : ` and checkpoint "${checkpoint}" begins`;
  const why =
    overlaid.length === 0
      ? `From one instant on, checkpoint "${checkpoint}" begins.`
      : `From one instant on, the guest writes to the overlays of ${disks}, every checkpoint goes on there${begins}.`;
  return { command: { kind: 'transaction', actions }, why };
}

function treeWith(
  { checkpoints }: Domain,
  { checkpoint: definition }: SnapshotRequest,
  { now }: SnapshotOptions,
  made: ReturnType<typeof examineSnapshot>['checkpoint'],
) {
  if (definition === undefined || made === undefined || now === undefined) return checkpoints;
  const { name, disks } = made;
  return addCheckpoint(checkpoints, newCheckpoint(definition, disks, { name, parent: checkpoints.current, now }));
}
