import { isCheckpointError, throwProblems } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { namesIn, type PendingChange } from '../core/model/pending-change.js';
import type { Reconciliation } from '../core/plan/reconcile.js';
import { findCheckpoint } from '../core/tree/find-checkpoint.js';
import { isQmpError, QmpCommandError } from '../qmp/error.js';
import { guestAgent } from '../qmp/guest-agent.js';
import type { PlanError } from '../qmp/plan-error.js';
import type { QmpConnection } from '../qmp/qmp-connection.js';
import { runPlan } from '../qmp/run-plan.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import { isStoreError } from '../store/error.js';
import { reconcile } from '../store/reconcile.js';
import { makePlan } from './make-plan.js';
import { movedText, printResult } from './print-plan.js';
import { movedDisks, resume, withMoved } from './resume.js';
import { interrupted, type LiveOptions, look } from './sight.js';
import { tellError } from './tell-error.js';
import { tellJob, tellProgress } from './tell-progress.js';
import type { Terminal } from './terminal.js';

/** A running QEMU and where its checkpoints are kept, open for writing. */
export interface Machine {
  readonly session: QmpConnection;
  readonly store: CheckpointStore;
  readonly options: LiveOptions;
  readonly terminal: Terminal;
}

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
    if (!isDone(error)) await tidyUp(machine, error);
    else if (!options.json) printResult({ plan, before: domain }, options, terminal);
    return false;
  }
  printResult({ plan, before: domain, freeze: agent?.lastFreeze() }, options, terminal);
  return true;
}

/** Ends what a crash has left half done. @returns Whether all of it could be decided. */
export async function runReconcile(machine: Machine): Promise<boolean> {
  const { session, store, options, terminal } = machine;
  const tell = options.json ? terminal.complain : terminal.print;
  const onStep = options.json ? () => {} : tellProgress(terminal);
  const onProgress = options.json ? () => {} : tellJob(terminal);
  const resumption = await resume(session, store, options, { signal: terminal.signal, onStep, onProgress });
  const { changes, steps } = resumption;
  for (const { diskTarget, verdict, why } of changes) tell(`disk ${diskTarget}: ${verdict}: ${why}`);
  const moved = movedDisks(options.disks, resumption);
  for (const disk of moved) tell(movedText(disk));
  const { domain } = await look(session, store, { ...options, disks: withMoved(options.disks, moved) });
  const reconciliation = await reconcile(domain, store);
  await end(machine, reconciliation, tell);
  const { decisions } = reconciliation;
  if (options.json) terminal.print(JSON.stringify({ changes, decisions }));
  else if (changes.length === 0 && decisions.length === 0) {
    terminal.print(steps.length === 0 ? 'nothing was interrupted' : 'what was left behind is removed');
  }
  return [...changes, ...decisions].every(({ verdict }) => verdict !== 'undecided');
}

/** Settles what a failure has left behind, where QEMU can still be reached, and tells what is in the way now. */
async function tidyUp(machine: Machine, error: unknown): Promise<void> {
  const { session, store, options, terminal } = machine;
  try {
    const { domain, pending, chainChanges } = await look(session, store, options);
    if (chainChanges.length > 0) {
      terminal.complain('what was begun on the layers stays noted in the store; run reconcile, which does the rest');
      return;
    }
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

async function end(
  { session, store }: Machine,
  reconciliation: Reconciliation,
  tell: (line: string) => void,
): Promise<void> {
  await runPlan(session, reconciliation);
  await store.settle(reconciliation);
  for (const { checkpoint, verdict, why } of reconciliation.decisions) {
    tell(`checkpoint "${checkpoint}": ${verdict}: ${why}`);
  }
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
