import type { BitmapsExpectAction, Command } from '../core/action.js';
import { checkBitmapChain } from '../core/check/bitmap-chain.js';
import { throwProblems } from '../core/error.js';
import type { Job } from '../core/job.js';
import { problem } from '../core/problem.js';
import { formatCommand } from './format-command.js';
import { queryJobs } from './job-reply.js';
import { parseBlockNodes } from './parse-block-nodes.js';
import type { QmpSession } from './qmp-session.js';
import { type WaitOptions, waitForJob } from './wait-for-job.js';

/** Does what a command says; most are one QMP command, and some are waiting or looking. */
export async function runCommand(session: QmpSession, command: Command, options: WaitOptions): Promise<void> {
  switch (command.kind) {
    case 'job-wait':
      return await waitForJob(session, command, options);
    case 'job-cancel':
      return await cancelJob(session, command.job, options);
    case 'bitmaps-expect':
      return await expectBitmaps(session, command);
    default: {
      const { execute, arguments: args } = formatCommand(command);
      await session.execute(execute, args);
    }
  }
}

/** Whether a command changes nothing, so that there is nothing to put back. */
export function onlyLooks({ kind }: Command): boolean {
  return kind === 'job-wait' || kind === 'bitmaps-expect';
}

/** Ends a job whatever its state, and sees it gone. */
async function cancelJob(session: QmpSession, job: Job, options: WaitOptions): Promise<void> {
  const { jobId: id } = job;
  const found = (await queryJobs(session)).find((candidate) => candidate.id === id);
  if (found === undefined) return;
  if (found.status !== 'concluded') {
    await session.execute('job-cancel', { id });
    const wait = { kind: 'job-wait', job, until: 'concluded', mayFail: true } as const;
    await waitForJob(session, wait, { waker: options.waker });
  }
  await session.execute('job-dismiss', { id });
}

async function expectBitmaps(session: QmpSession, { nodeName, bitmaps }: BitmapsExpectAction): Promise<void> {
  const nodes = parseBlockNodes(await session.execute('query-named-block-nodes', { flat: true }));
  const node = nodes.find((candidate) => candidate.nodeName === nodeName);
  if (node === undefined) throwProblems([problem({ code: 'node-not-found', nodeName })]);
  else throwProblems(bitmaps.flatMap((bitmap) => checkBitmapChain([node], bitmap)));
}
