import * as z from 'zod';
import type { BitmapsExpectAction, Command, ExportRemoveAction, NodeReopenAction } from '../core/action.js';
import { checkBitmapChain } from '../core/check/bitmap-chain.js';
import { throwProblems } from '../core/error.js';
import type { Job } from '../core/job.js';
import { problem } from '../core/problem.js';
import { isQmpError, type QmpCommandError, type QmpError } from './error.js';
import { type QmpErrorCode, qmpErrorCode } from './error-code.js';
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
      await cancelJob(session, command.job, options);
      if (command.closing !== undefined && !(await isReadOnly(session, command.closing)))
        await send(session, command.closing);
      return;
    case 'backup-cancel':
      for (const job of command.jobs) await cancelJob(session, job, options);
      if (command.bitmaps.length > 0) await send(session, command);
      return;
    case 'transaction':
      return await sendUnlessGone(session, command, command.mayBeGone ? ['node-not-found'] : []);
    case 'bitmaps-expect':
      return await expectBitmaps(session, command);
    case 'node-remove':
      // QEMU does not show protocol layers apart from others, so whether one is there is found out by closing it.
      return await sendUnlessGone(session, command, command.mayBeGone ? ['node-not-found'] : []);
    case 'nbd-server-stop':
      return await sendUnlessGone(session, command, ['nbd-server-not-running']);
    case 'export-remove':
      return await removeExport(session, command, options);
    default:
      await send(session, command);
  }
}

async function send(session: QmpSession, command: Command): Promise<void> {
  const { execute, arguments: args } = formatCommand(command);
  await session.execute(execute, args);
}

/** @param gone - What QEMU's refusal says where there is nothing to do. */
async function sendUnlessGone(session: QmpSession, command: Command, gone: readonly QmpErrorCode[]): Promise<void> {
  try {
    await send(session, command);
  } catch (error) {
    const code = isQmpError(error) ? codeOf(error) : undefined;
    if (code === undefined || !gone.includes(code)) throw error;
  }
}

/** By its kind: the session may be of the other build, whose classes differ. */
function codeOf(error: QmpError): QmpErrorCode | undefined {
  return error.kind === 'command' ? qmpErrorCode((error as QmpCommandError).desc) : undefined;
}

/** Ends an export, and sees it gone: its clients are sent away first, and its node is in use until then. */
async function removeExport(session: QmpSession, command: ExportRemoveAction, { waker }: WaitOptions): Promise<void> {
  // Whoever was killed may have ended it a moment ago.
  await sendUnlessGone(session, command, ['export-not-found', 'export-ending']);
  const isThere = async () => {
    const exports = exportsSchema.parse(await session.execute('query-block-exports'));
    return exports.some(({ id }) => id === command.exportId);
  };
  while (await isThere()) await waker.wait();
}

/** Whether a command changes nothing, so that there is nothing to put back. */
export function onlyLooks({ kind }: Command): boolean {
  return kind === 'job-wait' || kind === 'bitmaps-expect';
}

/** Whether there is nothing to put back: nothing was changed, or a job was forgotten that had ended. */
export function leavesNothing(command: Command): boolean {
  return onlyLooks(command) || command.kind === 'job-dismiss';
}

/** Ends a job whatever its state, and sees it gone. */
async function cancelJob(session: QmpSession, job: Job, options: WaitOptions): Promise<void> {
  const { jobId: id } = job;
  const status = await statusOf(session, id);
  if (status === undefined) return;
  if (status !== 'concluded') {
    try {
      await session.execute('job-cancel', { id });
    } catch (error) {
      // QEMU refuses it for a job that has ended since it was asked.
      if ((await statusOf(session, id)) !== 'concluded') throw error;
    }
    const wait = { kind: 'job-wait', job, until: 'concluded', mayFail: true } as const;
    await waitForJob(session, wait, { waker: options.waker });
  }
  await session.execute('job-dismiss', { id });
}

async function statusOf(session: QmpSession, jobId: string): Promise<string | undefined> {
  return (await queryJobs(session)).find(({ id }) => id === jobId)?.status;
}

async function isReadOnly(session: QmpSession, { nodeName }: NodeReopenAction): Promise<boolean | undefined> {
  const nodes = parseBlockNodes(await session.execute('query-named-block-nodes', { flat: true }));
  return nodes.find((node) => node.nodeName === nodeName)?.readOnly;
}

async function expectBitmaps(session: QmpSession, { nodeName, bitmaps }: BitmapsExpectAction): Promise<void> {
  const nodes = parseBlockNodes(await session.execute('query-named-block-nodes', { flat: true }));
  const node = nodes.find((candidate) => candidate.nodeName === nodeName);
  if (node === undefined) throwProblems([problem({ code: 'node-not-found', nodeName })]);
  else throwProblems(bitmaps.flatMap((bitmap) => checkBitmapChain([node], bitmap)));
}

const exportsSchema = z.array(z.object({ id: z.string() }));
