import type { JobAction, JobWaitAction } from '../action.js';
import type { Job } from '../job.js';
import type { Step } from './plan.js';

/** Undone, the job is ended, and what it had done so far counts for nothing. */
export function startStep(job: Job, why: string): Step {
  return { command: { kind: 'job-start', job }, why, undo: { kind: 'job-cancel', job } };
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
