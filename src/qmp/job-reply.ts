import * as z from 'zod';
import { parseWith } from '../core/model/parse-with.js';
import type { QmpSession } from './qmp-session.js';

/** A background job as `query-jobs` shows it. */
export interface JobReply {
  readonly id: string;
  /** `commit`, `mirror`, `stream`, `backup`, `create`, … */
  readonly type: string;
  /** `running`, `ready`, `pending`, `concluded`, … */
  readonly status: string;
  readonly 'current-progress': number;
  readonly 'total-progress': number;
  /** Why it failed; a commit or copy that was cancelled has none. */
  readonly error?: string;
}

/**
 * Asks for the jobs QEMU has, running and ended.
 *
 * @throws {@link CheckpointError} with `invalid-input` where the reply is none of jobs.
 * @throws {@link QmpError} where the command failed or the session has ended.
 * @example
 * ```ts
 * await queryJobs(session); // []
 * ```
 * @see QEMU `query-jobs`
 */
export async function queryJobs(session: QmpSession): Promise<readonly JobReply[]> {
  return parseWith(jobsReplySchema, await session.execute('query-jobs'), 'reply');
}

const jobsReplySchema = z.array(
  z.object({
    id: z.string(),
    type: z.string(),
    status: z.string(),
    'current-progress': z.number().default(0),
    'total-progress': z.number().default(0),
    error: z.exactOptional(z.string()),
  }),
);
