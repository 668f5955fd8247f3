import { throwProblems } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { isPlanDone } from '../core/plan/is-plan-done.js';
import type { Plan, Step } from '../core/plan/plan.js';
import { setsInstant } from '../core/plan/sets-instant.js';
import { checkCommand } from './check-command.js';
import { formatCommand } from './format-command.js';
import { idleWaker, type JobWaker, jobWaker } from './job-waker.js';
import { type NotUndone, PlanError } from './plan-error.js';
import { type QmpSchema, readQmpSchema } from './qmp-schema.js';
import type { QmpSession } from './qmp-session.js';
import { leavesNothing, runCommand } from './run-command.js';
import { schemaOf } from './schema-of.js';
import { betweenHooks, type TransactionHooks } from './transaction-hooks.js';
import type { JobProgress } from './wait-for-job.js';

/** How a plan is run. The hooks may hold the guest still while its instant is set: see {@link guestAgent}. */
export interface RunOptions extends TransactionHooks {
  /** Stops before the next step, or a job that is waited for, and puts back what was done; no command is ever cut off. */
  readonly signal?: AbortSignal;
  /**
   * Told before and after each step, and after each undo. What it throws stops the run, as an abort does; but putting back
   * is never stopped.
   */
  readonly onStep?: (progress: StepProgress) => void;
  /** The reply of this QEMU's `query-qmp-schema`, where you have it; default: asked for once a session. */
  readonly schema?: unknown;
  /** The domain as observed just now: where it shows that all was done before, nothing is sent. */
  readonly observed?: Domain;
}

/** Where a run stands. */
export interface StepProgress {
  readonly state: 'started' | 'progress' | 'done' | 'undone';
  readonly step: Step;
  /** Place in the plan, from 0. */
  readonly index: number;
  /** Steps of the plan. */
  readonly total: number;
  /** How far the job is that the step waits for; only in the state `progress`. */
  readonly progress?: JobProgress;
}

/**
 * Runs a plan, step by step; where one fails, those done are put back, the newest first.
 *
 * Before the first byte is sent every command, the undos too, is checked against what this QEMU says it understands. A plan
 * without steps sends nothing, and so does one whose effect `observed` shows to be there: its process may have died after
 * the transaction, before it could save that.
 *
 * @param session - Anything that executes commands.
 * @param plan - Made from the domain as it is now; between observing and running nobody else may change its bitmaps.
 * @returns `plan.next`, which is how things are now: save its checkpoints.
 *
 * @throws {@link PlanError} where a step failed: which, why, what was put back and what could not be; and where all is done and
 * only `afterTransaction` failed, which its outcome `done` says.
 * @throws {@link CheckpointError} with `command-unsupported`, a problem for each command or member this QEMU lacks; nothing was
 * sent.
 * @throws The signal's reason, where it was aborted before the first step.
 *
 * @example
 * ```ts
 * const plan = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: 1700000000 });
 * const next = await runPlan(session, plan);
 * next.checkpoints.current; // 'wednesday'
 * ```
 * @see QEMU `transaction`, `query-qmp-schema`
 */
export async function runPlan(session: QmpSession, plan: Plan, options: RunOptions = {}): Promise<Domain> {
  const { signal, schema, observed, onStep } = options;
  const { steps, next } = plan;
  if (steps.length === 0 || (observed !== undefined && isPlanDone(observed, plan))) return next;
  signal?.throwIfAborted();
  checkSteps(steps, schema === undefined ? await schemaOf(session) : readQmpSchema(schema));
  signal?.throwIfAborted();
  const total = steps.length;
  // Listening begins before the first job does.
  const waker = steps.some(({ command }) => command.kind.startsWith('job-')) ? jobWaker(session) : idleWaker;
  let completed = 0;
  let underWay = false;
  let hookFailure: HookFailure | undefined;
  try {
    for (const [index, step] of steps.entries()) {
      const isStoppable = !steps.slice(0, index).some(({ pointOfNoReturn }) => pointOfNoReturn);
      const stop = isStoppable && signal !== undefined ? { signal } : {};
      // Between steps and while a job is waited for: QEMU runs a command that was sent, come what may.
      stop.signal?.throwIfAborted();
      onStep?.({ state: 'started', step, index, total });
      const onProgress = (progress: JobProgress) => onStep?.({ state: 'progress', step, index, total, progress });
      const run = async () => {
        underWay = true;
        await runCommand(session, step.command, { waker, onProgress, ...stop });
        underWay = false;
      };
      const onHookFailure = (cause: unknown) => {
        hookFailure ??= { index, cause };
      };
      if (!setsInstant(step.command)) await run();
      else await betweenHooks(options, { step, index, total, ...stop }, run, onHookFailure);
      completed += 1;
      onStep?.({ state: 'done', step, index, total });
    }
  } catch (cause) {
    throw await putBack(session, plan, { completed, cause, underWay, hookFailure }, { waker, onStep });
  } finally {
    waker.close();
  }
  if (hookFailure !== undefined) throw new PlanError(plan, { ...hookFailure, isDone: true });
  return next;
}

function checkSteps(steps: readonly Step[], schema: QmpSchema | undefined): void {
  if (schema === undefined) return;
  const commands = steps.flatMap(({ command, undo }) => (undo === undefined ? [command] : [command, undo]));
  throwProblems(commands.flatMap((command) => checkCommand(formatCommand(command), schema)));
}

/** What `afterTransaction` threw, and for which step. */
interface HookFailure {
  readonly index: number;
  readonly cause: unknown;
}

interface Failure {
  readonly completed: number;
  readonly cause: unknown;
  readonly underWay: boolean;
  readonly hookFailure: HookFailure | undefined;
}

async function putBack(
  session: QmpSession,
  plan: Plan,
  { completed, ...failure }: Failure,
  { waker, onStep }: { readonly waker: JobWaker; readonly onStep: RunOptions['onStep'] },
): Promise<PlanError> {
  const { steps } = plan;
  const total = steps.length;
  const undone: Step[] = [];
  const notUndone: NotUndone[] = [];
  for (const [index, step] of [...steps.entries()].slice(0, completed).reverse()) {
    if (step.pointOfNoReturn) {
      notUndone.push({ step });
      break;
    }
    if (step.undo === undefined) {
      if (!leavesNothing(step.command)) notUndone.push({ step });
      continue;
    }
    try {
      await runCommand(session, step.undo, { waker });
    } catch (why) {
      notUndone.push({ step, cause: why });
      continue;
    }
    undone.push(step);
    try {
      onStep?.({ state: 'undone', step, index, total });
    } catch {
      // The run is stopped already, and the rest has to be put back all the same.
    }
  }
  return new PlanError(plan, { index: Math.min(completed, total - 1), ...failure }, { undone, notUndone });
}
