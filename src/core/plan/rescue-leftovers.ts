import type { Layer } from '../check/bitmap-removal.js';
import { fillName, type RescueLeftovers } from '../check/rescue-leftovers.js';
import { jobIdOf } from '../job-id.js';
import { closeStep } from './bitmap-removal.js';
import type { Step } from './plan.js';
import { cancelStep } from './take-back.js';

/**
 * Removes what a rescue that did not end has left: its jobs first, which hold the rest, and its nodes last, which tell of it.
 *
 * @param jobIds - Jobs that there are; default: those that there may be.
 */
export function leftoverSteps({ leftOn, open, targets }: RescueLeftovers, jobIds?: readonly string[]): readonly Step[] {
  const ids = jobIds?.filter(isFillJobId) ?? leftOn.map(([diskTarget, layer]) => fillJobId(diskTarget, layer));
  const actions = leftOn.map(([, { node }]) => {
    return { kind: 'bitmap-remove', nodeName: node.nodeName, bitmap: fillName } as const;
  });
  const removal: Step = {
    command: { kind: 'transaction', actions },
    why: 'Remove the bitmaps that a rescue has left.',
  };
  return [
    ...ids.map(cancelFillStep),
    ...(actions.length === 0 ? [] : [removal]),
    ...open.map(closeStep),
    ...targets.map(closeTargetStep),
  ];
}

/** The job that fills a layer's bitmap. */
export function fillJobId(diskTarget: string, { node: { nodeName } }: Layer): string {
  return jobIdOf('fill', diskTarget, nodeName);
}

export function closeTargetStep(nodeName: string): Step {
  return { command: { kind: 'node-remove', nodeName }, why: `Close node "${nodeName}", which held nothing.` };
}

function isFillJobId(jobId: string): boolean {
  return jobId.startsWith(`${jobIdOf('fill')}-`);
}

function cancelFillStep(jobId: string): Step {
  const job = { kind: 'fill', jobId, nodeName: '', bitmap: fillName, targetNodeName: '' } as const;
  return cancelStep(job, `End job "${jobId}", should it be there.`);
}
