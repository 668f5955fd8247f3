import type { JobWaitAction } from '../core/action.js';
import type { Job } from '../core/job.js';
import { QmpJobError } from './job-error.js';
import { type JobReply, queryJobs } from './job-reply.js';
import type { JobWaker } from './job-waker.js';
import type { QmpSession } from './qmp-session.js';

/** How far a job is, in units of its own. */
export interface JobProgress {
  readonly current: number;
  readonly total: number;
}

/** What waiting takes. */
export interface WaitOptions {
  readonly waker: JobWaker;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: JobProgress) => void) | undefined;
}

/** Of a job that is waited for no more need be known than its id. */
type WaitedFor = Pick<JobWaitAction, 'until' | 'mayFail'> & { readonly job: Pick<Job, 'jobId'> };

/**
 * Waits until a job is where it should be.
 *
 * @throws {@link QmpJobError} where it failed, was cancelled by someone, or is gone.
 * @throws The signal's reason; the job runs on.
 */
export async function waitForJob(session: QmpSession, action: WaitedFor, options: WaitOptions): Promise<void> {
  const { waker, signal, onProgress } = options;
  const { jobId } = action.job;
  for (;;) {
    signal?.throwIfAborted();
    const job = (await queryJobs(session)).find(({ id }) => id === jobId);
    if (job === undefined) throw new QmpJobError(jobId, 'is gone: someone has dismissed it');
    onProgress?.({ current: job['current-progress'], total: job['total-progress'] });
    if (isThere(job, action)) return;
    await waker.wait(signal);
  }
}

function isThere({ id, status, error, ...progress }: JobReply, { until, mayFail }: WaitedFor): boolean {
  if (status === 'concluded') {
    const mayHaveEnded = until === 'concluded' || until === 'copying';
    if (mayHaveEnded && (error === undefined || mayFail)) return true;
    throw error === undefined ? new QmpJobError(id, 'was cancelled by someone') : new QmpJobError(id, 'failed', error);
  }
  if (until === 'copying') return progress['current-progress'] > 0;
  return status === until || (until === 'ready' && status === 'standby');
}
