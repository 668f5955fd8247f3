import type { Backup, BackupDisk } from '../core/model/backup.js';
import { type JobReply, queryJobs } from '../qmp/job-reply.js';
import { jobWaker } from '../qmp/job-waker.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import type { CopyOptions, CopyOutcome } from './copy-outcome.js';

/**
 * Waits until QEMU has copied every disk of a push, or one has failed and the others are not to be kept. The jobs stay.
 *
 * @throws {@link QmpError} where the session has ended; the jobs run on.
 * @throws The signal's reason; the jobs run on.
 */
export async function waitForCopies(
  session: QmpSession,
  { disks }: Backup,
  { signal, onProgress, keepOthers }: CopyOptions,
): Promise<readonly CopyOutcome[]> {
  const waker = jobWaker(session);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const jobs = await queryJobs(session);
      const outcomes = disks.map((disk) => {
        const job = jobs.find(({ id }) => id === disk.jobId);
        const { diskTarget } = disk;
        if (job !== undefined) {
          onProgress?.({ diskTarget, current: job['current-progress'], total: job['total-progress'] });
        }
        return outcomeOf(disk, job);
      });
      const ended = outcomes.filter((outcome) => outcome !== undefined);
      const hasFailed = ended.some((outcome) => 'error' in outcome);
      if (ended.length === disks.length || (hasFailed && !keepOthers)) return ended;
      await waker.wait(signal);
    }
  } finally {
    waker.close();
  }
}

/** `undefined` while it runs. */
function outcomeOf({ diskTarget, image }: BackupDisk, job: JobReply | undefined): CopyOutcome | undefined {
  if (job === undefined) return { diskTarget, error: new Error('its job is gone: someone has dismissed it') };
  if (job.status !== 'concluded') return undefined;
  if (job.error !== undefined) return { diskTarget, error: new Error(job.error) };
  const { filename: path, format } = image;
  return { diskTarget, file: { path, format, bytes: job['current-progress'] } };
}
