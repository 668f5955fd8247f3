import { type Domain, findDisk } from '../core/model/domain.js';
import { planResumeJob, type Resumption } from '../core/plan/resume-job.js';
import { isQmpError } from '../qmp/error.js';
import { type FinishPullsOptions, finishPulls } from '../qmp/finish-pulls.js';
import { queryJobs } from '../qmp/job-reply.js';
import type { QmpConnection } from '../qmp/qmp-connection.js';
import { type RunOptions, runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import type { DiskOption } from './option-values.js';
import { type LiveOptions, look } from './sight.js';

/** How often it is looked anew: a job that was let go before may end just then. */
const attempts = 3;

/** Brings what was begun on the layers of disks to its end, and saves that. */
export async function resume(
  session: QmpConnection,
  store: CheckpointStore,
  options: LiveOptions,
  run: RunOptions & Pick<FinishPullsOptions, 'onProgress'>,
): Promise<Resumption> {
  for (let attempt = 1; ; attempt += 1) {
    await finishPulls(session, run);
    const resumption = await lookForChanges(session, store, options);
    const isUndecided = resumption.changes.some(({ verdict }) => verdict === 'undecided');
    if (isUndecided && attempt < attempts) continue;
    try {
      await runPlan(session, resumption, run);
    } catch (error) {
      if (attempt === attempts || run.signal?.aborted || !isQmpError(error) || error.kind !== 'plan') throw error;
      continue;
    }
    await store.settle(resumption);
    return resumption;
  }
}

/** What was begun on the layers of disks, and what is left to do. */
export async function lookForChanges(
  session: QmpConnection,
  store: Pick<CheckpointStore, 'load'>,
  options: LiveOptions,
): Promise<Resumption> {
  const jobs = await queryJobs(session);
  const { domain, chainChanges } = await look(session, store, options);
  return planResumeJob(domain, jobs, chainChanges);
}

/** Those of the disks whose active layer is another then, by which they are named from then on. */
export function movedDisks(disks: readonly DiskOption[], next: Domain): readonly DiskOption[] {
  return disks.flatMap(({ diskTarget, nodeName: before }) => {
    const nodeName = findDisk(next, diskTarget)?.backingChain[0]?.nodeName;
    return nodeName === undefined || nodeName === before ? [] : [{ diskTarget, nodeName }];
  });
}

/** The disks, with those that have moved in their place. */
export function withMoved(disks: readonly DiskOption[], moved: readonly DiskOption[]): readonly DiskOption[] {
  return disks.map((disk) => moved.find(({ diskTarget }) => diskTarget === disk.diskTarget) ?? disk);
}
