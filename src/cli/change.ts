import { isCheckpointError, throwProblems } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { namesIn, type PendingChange } from '../core/model/pending-change.js';
import type { Reconciliation } from '../core/plan/reconcile.js';
import { findCheckpoint } from '../core/tree/find-checkpoint.js';
import { isQmpError, QmpCommandError } from '../qmp/error.js';
import { guestAgent } from '../qmp/guest-agent.js';
import type { PlanError } from '../qmp/plan-error.js';
import { runPlan } from '../qmp/run-plan.js';
import { isStoreError } from '../store/error.js';
import { reconcile } from '../store/reconcile.js';
import type { Machine } from './machine.js';
import { makePlan } from './make-plan.js';
import type { DiskOption } from './option-values.js';
import { printResult } from './print-plan.js';
import { end } from './reconcile.js';
import { movedDisks } from './resume.js';
import { interrupted, look } from './sight.js';
import { tellError } from './tell-error.js';
import { tellProgress } from './tell-progress.js';

/** Makes or deletes a checkpoint. @returns Whether it was done. */
export async function runChange(machine: Machine): Promise<boolean> {
  const { session, store, options, terminal } = machine;
  const sight = await look(session, store, options);
  throwProblems(interrupted(sight));
  const { domain } = sight;
  const plan = makePlan(options, domain, terminal.now());
  const { signal } = terminal;
  const onStep = options.json ? () => {} : tellProgress(terminal);
  const agent = options.quiesce === undefined ? undefined : guestAgent(options.quiesce);
  try {
    await store.run(domain, plan, () => runPlan(session, plan, { signal, onStep, ...agent }));
  } catch (error) {
    tellError(error, options.json, terminal);
    if (!isDone(error)) await tidyUp(machine, error, movedDisks(options.disks, plan.next));
    else if (!options.json) printResult({ plan, before: domain }, options, terminal);
    return false;
  }
  printResult({ plan, before: domain, freeze: agent?.lastFreeze() }, options, terminal);
  return true;
}

/** Settles what a failure has left behind, where QEMU can still be reached, and tells what is in the way now. */
async function tidyUp(machine: Machine, error: unknown, moving: readonly DiskOption[]): Promise<void> {
  const { session, store, options, terminal } = machine;
  try {
    // Before a look: the disk may be named by a layer that is closed already.
    if ((await store.load()).chainChanges.length > 0) {
      terminal.complain('what was begun on the layers stays noted in the store; run reconcile, which does the rest');
      for (const { diskTarget, nodeName } of mayHaveMoved(error) ? moving : [])
        terminal.complain(`where the guest has moved already, with --disk ${diskTarget}=${nodeName}`);
      return;
    }
    const { domain, pending } = await look(session, store, options);
    if (pending.length > 0) {
      // What has left nothing needs no look: a bitmap of that name is someone else's.
      const reconciliation = isUndone(error) ? takenBack(domain, pending) : await reconcile(domain, store);
      await end(machine, reconciliation, terminal.complain);
    }
    if (isRefused(error)) tellObstacles(machine, { ...domain, checkpoints: (await store.load()).checkpoints });
  } catch {
    terminal.complain('what was begun stays noted in the store; run reconcile when QEMU can be reached');
  }
}

/** Whether nothing of the plan was carried out, or all was put back; where its outcome could not be saved, it was. */
function isUndone(error: unknown): boolean {
  return isPlanError(error) ? error.outcome === 'undone' : !isStoreError(error);
}

/** Whether all of the plan was carried out, and only letting the guest go on failed. */
function isDone(error: unknown): boolean {
  return isPlanError(error) && error.outcome === 'done';
}

/** Whether the run came to where nothing is put back any more. */
function mayHaveMoved(error: unknown): boolean {
  if (!isPlanError(error)) return false;
  return error.outcome === 'unknown' || error.notUndone.some(({ step }) => step.pointOfNoReturn);
}

function isRefused(error: unknown): boolean {
  return isPlanError(error) && error.failed.cause instanceof QmpCommandError;
}

function isPlanError(error: unknown): error is PlanError {
  return isQmpError(error) && error.kind === 'plan';
}

function takenBack(domain: Domain, pending: readonly PendingChange[]): Reconciliation {
  const why = 'It was not carried out, and all is as it was before.';
  const decisions = pending.flatMap((change) => {
    const verdict = change.kind === 'create' ? 'drop' : 'keep';
    return namesIn(change).map((checkpoint) => ({ checkpoint, change: change.kind, verdict, why }) as const);
  });
  return { steps: [], next: domain, decisions };
}

/** QEMU does not say which disk it refuses. What has changed since the plan was made is seen when it is made again. */
function tellObstacles({ options, terminal }: Machine, domain: Domain): void {
  const { command, name = '' } = options;
  if (command === 'delete' && findCheckpoint(domain.checkpoints, name) === undefined) return;
  try {
    makePlan(options, domain, terminal.now());
  } catch (error) {
    if (!isCheckpointError(error)) throw error;
    for (const { text } of error.problems) terminal.complain(text);
  }
}
