import { noteOfJob } from '../check/begun-job.js';
import { findRescueLeftovers } from '../check/rescue-leftovers.js';
import { guardInput } from '../guard-input.js';
import type { JobState } from '../job-state.js';
import type { Domain } from '../model/domain.js';
import { type PendingChainChange, parsePendingChainChange } from '../model/pending-chain-change.js';
import { endChainChange } from './end-chain-change.js';
import { finishPlan, type Plan, type Step } from './plan.js';
import { leftoverSteps } from './rescue-leftovers.js';
import { cancelCreationSteps } from './take-back.js';

/** A plan that brings what was begun to its end, and what was decided about each change. */
export interface Resumption extends Plan {
  readonly changes: readonly ResumedChange[];
}

/** What was decided about one change of a disk's layers, and why. */
export interface ResumedChange {
  readonly diskTarget: string;
  /** Absent: a snapshot. */
  readonly jobId?: string;
  /**
   * `go-on`: its job runs, and the steps wait for it and do the rest; `finish`: the layers have changed, and the steps do
   * what is left; `take-back`: they have not, and the steps remove what it left behind; `undecided`: nothing can be told.
   */
  readonly verdict: 'go-on' | 'finish' | 'take-back' | 'undecided';
  /** One sentence for people. */
  readonly why: string;
  /** What was noted; absent: only its job was found. */
  readonly pending?: PendingChainChange;
}

/**
 * Plans the rest of commits, copies, pulls and snapshots whose process died, or whose plan failed after the point of no return.
 *
 * The disks tell how far each came, so nothing needs to be remembered but what was noted before it began (the store does
 * that); and a job of this library that is found without a note says by its id what it is for. By these rules:
 *
 * 1. a change whose layers are no part of the disk any more has happened: what is missing is merged, looked for, the layers
 *    that went are closed, and the job is forgotten, each only as far as it has not been done;
 * 2. one that has not happened and whose job still runs goes on as it was planned;
 * 3. any other is taken back: its job is forgotten, and what it left behind is removed. Data that a commit has moved
 *    already stays where it is: the layers above have it too, so nothing changes for anyone;
 * 4. where the disk or the layer that takes the data is not there, nothing is decided; neither is it where the layers and the
 *    job contradict each other, as they do where the disk is mapped to a layer that the guest does not use: bitmaps that
 *    are needed would be taken for leftovers;
 * 5. jobs of this library that make images are cancelled: nobody waits for them any more;
 * 6. what a rescue has left is removed: its jobs, its temporary bitmaps and nodes; and layers that it has opened for writing are
 *    made read-only again. To plan the rescue anew makes the checkpoint whole.
 *
 * To resume again, after the steps failed or the process died once more, is always right. A pull that has ended has to be
 * dismissed before the domain is observed ({@link observeDomain} says so).
 *
 * @param domain - As observed just now. Not modified.
 * @param jobs - What `query-jobs` gives, asked for before the domain was observed.
 * @param pending - What was noted as begun; default: nothing.
 * @returns The steps in the order to run them, the domain once they have all succeeded, and the decisions.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - what {@link planCommit}, {@link planCopy} and {@link planPull} refuse about bitmaps, where the job goes on;
 * - `bitmap-busy`, `node-not-reopenable`: what is to be taken back cannot be removed;
 * - `invalid-input`: the arguments are not a domain, jobs and pending changes at all.
 *
 * @example
 * ```ts
 * planResumeJob(domain, []).steps; // []
 * ```
 * @see QEMU `query-jobs`
 */
export function planResumeJob(
  domain: Domain,
  jobs: readonly JobState[],
  pending: readonly PendingChainChange[] = [],
): Resumption {
  return guardInput({ domain }, () => {
    const noted = pending.map(parsePendingChainChange);
    const known = new Set(noted.map(({ job }) => job?.jobId));
    const found = jobs.flatMap(({ id }) => (known.has(id) ? [] : (noteOfJob(domain, id) ?? [])));
    let now = domain;
    const steps: Step[] = [];
    const changes: ResumedChange[] = [];
    for (const note of [...noted, ...found]) {
      const { checkpoints, verdict, why, ...end } = endChainChange(now, note, jobs);
      const { diskTarget, job } = note;
      steps.push(...end.steps);
      const isNoted = noted.includes(note);
      changes.push({ diskTarget, ...(job && { jobId: job.jobId }), verdict, why, ...(isNoted && { pending: note }) });
      now = finishPlan(now, end.steps, checkpoints).next;
    }
    // 5
    const done = new Set(steps.flatMap(({ command }) => ('job' in command ? [command.job.jobId] : [])));
    steps.push(...jobs.flatMap(({ id }) => (done.has(id) ? [] : cancelCreationSteps(id))));
    // 6
    steps.push(
      ...leftoverSteps(
        findRescueLeftovers(now),
        jobs.map(({ id }) => id),
      ),
    );
    return { ...finishPlan(domain, steps, now.checkpoints), changes };
  });
}
