import { isQmpError } from './error.js';
import { queryJobs } from './job-reply.js';
import { jobWaker } from './job-waker.js';
import type { QmpSession } from './qmp-session.js';
import { type JobProgress, waitForJob } from './wait-for-job.js';

/** How pulls are waited for. */
export interface FinishPullsOptions {
  /** Ends the waiting; the pulls run on. */
  readonly signal?: AbortSignal;
  /** Told how far a pull is. */
  readonly onProgress?: (jobId: string, progress: JobProgress) => void;
}

/**
 * Waits until pulls of this library have ended that nobody waits for any more, because the process that ran them has died, and
 * forgets them.
 *
 * To be called before the domain is observed after a crash: QEMU 7.2 and 10.0 crash when they are asked for their nodes while a
 * pull has ended and is not dismissed, so {@link observeDomain} refuses; and one that still runs may end at just that moment.
 * Whether a pull succeeded the layers tell, and {@link planResumeJob} does the rest. Pulls that others began are left alone.
 *
 * @returns The ids of those that were dismissed.
 * @throws {@link QmpError} where a command failed or the session has ended.
 * @throws The signal's reason, where it was aborted.
 * @example
 * ```ts
 * await finishPulls(session); // []
 * ```
 * @see QEMU `query-jobs`, `job-dismiss`, `block-stream`
 */
export async function finishPulls(session: QmpSession, options: FinishPullsOptions = {}): Promise<readonly string[]> {
  const { signal, onProgress } = options;
  const dismissed: string[] = [];
  const waker = jobWaker(session);
  try {
    for (const { id, type } of await queryJobs(session)) {
      if (type !== 'stream' || !id.startsWith('checkpoint-pull-')) continue;
      const wait = { job: { jobId: id }, until: 'concluded', mayFail: true } as const;
      try {
        await waitForJob(session, wait, { waker, signal, onProgress: (progress) => onProgress?.(id, progress) });
      } catch (error) {
        // Someone else has dismissed it.
        if (isQmpError(error) && error.kind === 'job') continue;
        throw error;
      }
      await session.execute('job-dismiss', { id });
      dismissed.push(id);
    }
  } finally {
    waker.close();
  }
  return dismissed;
}
