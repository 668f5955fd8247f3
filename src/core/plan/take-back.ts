import type { BegunChange } from '../check/begun-change.js';
import { checkRemovals, layersOf } from '../check/bitmap-removal.js';
import { throwProblems } from '../error.js';
import type { Job } from '../job.js';
import { jobIdOf } from '../job-id.js';
import { findBitmap } from '../model/bitmap.js';
import { type Domain, findNode } from '../model/domain.js';
import type { PendingChainChange } from '../model/pending-chain-change.js';
import { closeStep, removalSteps } from './bitmap-removal.js';
import type { Step } from './plan.js';

/** Ends a job, whatever its state, and forgets it. */
export function cancelStep(job: Job, why: string): Step {
  return { command: { kind: 'job-cancel', job }, why };
}

/** Ends a job that makes an image, by its id; no other. */
export function cancelCreationSteps(jobId: string): readonly Step[] {
  if (!jobId.startsWith(`${jobIdOf('create')}-`)) return [];
  return [
    cancelStep({ kind: 'create', jobId, options: { driver: 'file' } }, `Forget job "${jobId}", which made an image.`),
  ];
}

/** What a change that did not happen has left on the layer that was to take the data: bitmaps, and that it is open for writing. */
export function cleanSteps(domain: Domain, { change }: BegunChange, { added }: PendingChainChange): readonly Step[] {
  const { kind, diskTarget, chain, receiver } = change;
  const layer = layersOf(chain).find(({ node }) => node === receiver);
  if (kind !== 'commit' || layer === undefined) return [];
  const doomed = added
    .filter((bitmap) => findBitmap(receiver, bitmap) !== undefined)
    .map((bitmap) => ({ diskTarget, bitmap, layers: [layer] }));
  throwProblems(checkRemovals(doomed));
  const why = `Remove what the job was to leave on node "${receiver.nodeName}": its checkpoints were made above.`;
  const removal = doomed.length === 0 ? [] : removalSteps(domain, doomed, why);
  // QEMU 7.2 leaves the base of a commit that was cancelled open for writing.
  return receiver.readOnly || layer.node === chain[0] ? removal : [...removal, closeStep([diskTarget, layer])];
}

/** Closes what was opened for a change that did not happen, the last first; files stay. */
export function unopenSteps(domain: Domain, { openedNodes }: PendingChainChange): readonly Step[] {
  const layers = new Set(domain.disks.flatMap(({ backingChain }) => backingChain));
  return openedNodes.toReversed().flatMap((nodeName): Step[] => {
    const node = findNode(domain, nodeName);
    if (node !== undefined && layers.has(node)) return [];
    const why = `Close node "${nodeName}", which was opened for what did not happen.`;
    return [{ command: { kind: 'node-remove', nodeName, mayBeGone: true }, why }];
  });
}
