import type { JobAction, JobWaitAction, NodeReopenAction } from '../action.js';
import type { Job } from '../job.js';
import type { Step } from './plan.js';

/**
 * Undone, the job is ended, and what it had done so far counts for nothing.
 *
 * @param closing - Makes the layer that the job writes to read-only again, where it was.
 */
export function startStep(job: Job, why: string, closing?: NodeReopenAction): Step {
  const undo = { kind: 'job-cancel', job, ...(closing !== undefined && { closing }) } as const;
  return { command: { kind: 'job-start', job }, why, undo };
}

export function waitStep(job: Job, until: JobWaitAction['until'], why: string): Step {
  return { command: { kind: 'job-wait', job, until }, why };
}

/** From here on what was done before is needed to go on. */
export function finishStep(command: JobAction | JobWaitAction, why: string): Step {
  return { command, why, pointOfNoReturn: true };
}

export function dismissStep(job: Job): Step {
  return { command: { kind: 'job-dismiss', job }, why: 'Forget the job.' };
}
