import type { BitmapAddAction, BitmapReference, TransactionAction } from '../action.js';
import type { Layer } from '../check/bitmap-removal.js';
import { examineRescue, type LackingBitmap, type RescueRequest } from '../check/rescue-checkpoint.js';
import { fillName, findRescueLeftovers, targetNameOf, withoutLeftovers } from '../check/rescue-leftovers.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { FillJob } from '../job.js';
import { findBitmap } from '../model/bitmap.js';
import type { Domain } from '../model/domain.js';
import { closeStep, openStep, readOnlyLayers, removalStep } from './bitmap-removal.js';
import { startStep } from './job-steps.js';
import { removalOf } from './new-checkpoint.js';
import { finishPlan, type Plan, type Step } from './plan.js';
import { closeTargetStep, fillJobId, leftoverSteps } from './rescue-leftovers.js';

/**
 * Plans to make a checkpoint whole again on a disk whose layers have lost its bitmap: an overlay that another program put on
 * without it, or one that was not closed before it was stored.
 *
 * A layer that stands on a backing image has allocated all that was written to it since it was put there, and all that was
 * discarded too. So the bitmap is made anew on each layer that lacks it and filled from what is allocated there: by a backup
 * to nowhere that is stopped after its first bytes, for QEMU then marks in a bitmap what it did not copy. The guest goes on
 * writing all the time, and what it writes is recorded from before the filling on. The bitmap itself is only added in the
 * last transaction, with all that was found: at no time does the checkpoint seem good and is not.
 *
 * A bitmap made this way holds all that was written since the checkpoint, and above the layer that the checkpoint was made on
 * just that. On that layer itself it may hold more, for the layer may be older; and less if someone has emptied it meanwhile, as
 * `qemu-img commit` does, which nothing tells: so it is told in `warnings` where that layer is filled (`rescue-holds-more`).
 *
 * Where all layers have the bitmap in good order there is nothing to do. What a rescue that did not end has left behind is
 * removed first, so to plan again after a failure is always right.
 *
 * Where all that lack the bitmap lie above a layer with it in good order, a commit of those down into it would make the
 * checkpoint whole as well, for that bitmap records what is moved: that is told in `warnings` (`commit-heals`).
 *
 * @param domain - The domain as last observed. Not modified.
 * @returns The steps in the order to run them, and the domain once they have all succeeded; how much the new bitmaps hold is
 * not known before, so the most it can be is shown.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `disk-not-found`, `disk-empty`, `checkpoint-not-found`: there is no such disk or checkpoint;
 * - `rescue-impossible`: the disk takes no part in it, the layer it was made on is not there or not known, or a layer that
 *   lacks the bitmap has no backing image: then only an older checkpoint or a full backup helps;
 * - `bitmap-busy`: a job or an export holds what is left of the bitmap;
 * - `node-not-reopenable`: a read-only layer that lacks the bitmap cannot be opened for writing;
 * - `format-unsupported`, `qcow2-version-unsupported`, `too-many-bitmaps`, `bitmap-directory-full`, `bitmap-too-large`: a layer
 *   cannot store the bitmap;
 * - `node-name-taken`, `bitmap-exists`, `bitmap-claimed`: a name for what is temporary is taken;
 * - `invalid-input`: the arguments are not a domain and a request at all.
 *
 * @example
 * ```ts
 * planRescueCheckpoint(domain, { diskTarget: 'vda', checkpoint: 'monday' }).steps; // []: nothing is lacking
 * ```
 *
 * @see QEMU `blockdev-backup`, `BitmapSyncMode`; libvirt has no such thing
 */
export function planRescueCheckpoint(domain: Domain, request: RescueRequest): Plan {
  return guardInput({ domain }, () => {
    const leftovers = findRescueLeftovers(domain);
    const clean = withoutLeftovers(domain, leftovers);
    const { found, problems, warnings } = examineRescue(clean, request);
    throwProblems(problems);
    const lacking = found as LackingBitmap;
    const steps = lacking.lacking.length === 0 ? [] : rescueSteps(clean, lacking);
    return finishPlan(domain, [...leftoverSteps(leftovers), ...steps], domain.checkpoints, warnings);
  });
}

function rescueSteps(domain: Domain, { disk, bitmap, lacking, granularity }: LackingBitmap): readonly Step[] {
  const { diskTarget } = disk;
  const fills = lacking.map((layer, place): Fill => {
    const { nodeName } = layer.node;
    const job = { nodeName, bitmap: fillName, targetNodeName: targetNameOf(place) };
    return { layer, job: { kind: 'fill', jobId: fillJobId(diskTarget, layer), ...job } };
  });
  const doomed = { diskTarget, bitmap, layers: lacking };
  const opened = readOnlyLayers(domain, [doomed]);
  const useless = lacking.filter(({ node }) => findBitmap(node, bitmap) !== undefined);
  const whyRemoved = `Remove what is left of bitmap "${bitmap}": it cannot be used, and its name is needed.`;
  return [
    ...fills.map(openTargetStep),
    recordStep(fills, granularity),
    ...fills.flatMap(fillSteps),
    ...opened.map(openStep),
    ...(useless.length === 0 ? [] : [removalStep([{ ...doomed, layers: useless }], whyRemoved)]),
    addStep(fills, bitmap, granularity),
    ...opened.map(closeStep),
    ...fills.map(({ job }) => closeTargetStep(job.targetNodeName)),
  ];
}

/** A layer that lacks the bitmap, and the job that finds out what is allocated there. */
interface Fill {
  readonly layer: Layer;
  readonly job: FillJob;
}

function openTargetStep({ layer: { node }, job: { targetNodeName: nodeName } }: Fill): Step {
  const { virtualSize } = node;
  const options = { file: { driver: 'null-co', size: virtualSize } };
  return {
    command: { kind: 'node-add', nodeName, format: 'raw', virtualSize, options },
    why: `Open node "${nodeName}", which forgets all that is written to it, as large as node "${node.nodeName}".`,
    undo: { kind: 'node-remove', nodeName },
  };
}

/**
 * What the guest writes is recorded before it is asked what is allocated: so nothing can be missed in between. On the target the
 * bitmap is called like the layer, so that it is known which one is meant whatever happens.
 */
function recordStep(fills: readonly Fill[], granularity: number): Step {
  const adds = fills.flatMap(({ job: { nodeName, bitmap, targetNodeName } }): readonly BitmapAddAction[] => {
    const add = { kind: 'bitmap-add', persistent: false, recording: true } as const;
    return [
      { ...add, nodeName, bitmap, ...asFine(granularity) },
      { ...add, nodeName: targetNodeName, bitmap: nodeName },
    ];
  });
  return {
    command: { kind: 'transaction', actions: adds },
    why: 'Record what the guest writes from now on in temporary bitmaps, and what a backup copies.',
    undo: { kind: 'transaction', actions: adds.map(removalOf) },
  };
}

/** What the backup has copied until it is stopped is in the bitmap of its target, and all else that it was to copy in its own. */
function fillSteps({ job }: Fill): readonly Step[] {
  const cancel = { kind: 'job-cancel', job } as const;
  return [
    startStep(job, `Begin a backup of what is allocated in node "${job.nodeName}", to nowhere and very slowly.`),
    {
      command: { kind: 'job-wait', job, until: 'copying', mayFail: true },
      why: 'Wait until it knows what is allocated, and has begun to copy.',
    },
    // Undone, it is gone all the same.
    { command: cancel, why: 'Stop it, which marks all that it did not copy.', undo: cancel },
  ];
}

/** From here on the checkpoint is whole: there is nothing to be put back any more. */
function addStep(fills: readonly Fill[], bitmap: string, granularity: number): Step {
  const adds = fills.flatMap(({ job: { nodeName, bitmap: filled, targetNodeName } }): readonly TransactionAction[] => {
    const sources: readonly BitmapReference[] = [
      { nodeName, bitmap: filled },
      { nodeName: targetNodeName, bitmap: nodeName },
    ];
    return [
      { kind: 'bitmap-add', nodeName, bitmap, persistent: true, recording: true, ...asFine(granularity) },
      { kind: 'bitmap-merge', nodeName, intoBitmap: bitmap, sources },
    ];
  });
  const removals = fills.map(({ job: { nodeName, bitmap: filled } }) => {
    return { kind: 'bitmap-remove', nodeName, bitmap: filled } as const;
  });
  const layers = fills.map(({ job }) => `"${job.nodeName}"`).join(', ');
  return {
    command: { kind: 'transaction', actions: [...adds, ...removals] },
    why: `Let bitmap "${bitmap}" be recorded on ${layers} again, with all that is allocated there.`,
    pointOfNoReturn: true,
  };
}

function asFine(granularity: number): { readonly granularity?: number } {
  return granularity > 0 ? { granularity } : {};
}
