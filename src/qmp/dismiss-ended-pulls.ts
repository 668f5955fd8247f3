import { queryJobs } from './job-reply.js';
import type { QmpSession } from './qmp-session.js';

/**
 * Forgets pulls of this library that have ended and that nobody has dismissed, because the process that ran them has died.
 *
 * To be called before the domain is observed after a crash: QEMU 7.2 and 10.0 crash when they are asked for their nodes
 * meanwhile, so {@link observeDomain} refuses. Whether the pull succeeded the layers tell, and {@link planResumeJob} does the
 * rest. Pulls that others began are left alone.
 *
 * @returns The ids of those that were dismissed.
 * @throws {@link QmpError} where a command failed or the session has ended.
 * @example
 * ```ts
 * await dismissEndedPulls(session); // []
 * ```
 * @see QEMU `query-jobs`, `job-dismiss`, `block-stream`
 */
export async function dismissEndedPulls(session: QmpSession): Promise<readonly string[]> {
  const ended = (await queryJobs(session)).filter(
    ({ id, type, status }) => type === 'stream' && status === 'concluded' && id.startsWith('checkpoint-pull-'),
  );
  for (const { id } of ended) await session.execute('job-dismiss', { id });
  return ended.map(({ id }) => id);
}
