import type { Action, Command } from '../core/action.js';
import type { Plan, Step } from '../core/plan/plan.js';
import { cureOf } from './cure.js';
import { isQmpError, type QmpClosedError, type QmpCommandError, QmpError } from './error.js';
import { onlyLooks } from './run-command.js';

/** The step of a plan that failed, and why. */
export interface FailedStep {
  readonly step: Step;
  /** Place in the plan, from 0. */
  readonly index: number;
  readonly cause: unknown;
}

/** A completed step that could not be put back. */
export interface NotUndone {
  readonly step: Step;
  /** Absent where the step has no undo. */
  readonly cause?: unknown;
}

/**
 * A plan was not carried out as it should be: which step failed and why, and how things stand now.
 *
 * `outcome` says it in a word: `undone`, all is as before; `partly`, something could not be put back; `unknown`, the session
 * ended and the failed step may have taken effect. After these two observe the domain again before anything else. `done`:
 * the plan was carried out to its end, things are as `plan.next` has them, and only `afterTransaction` failed.
 */
export class PlanError extends QmpError {
  override readonly name = 'PlanError';
  declare readonly kind: 'plan';
  readonly failed: FailedStep;
  readonly outcome: 'undone' | 'partly' | 'unknown' | 'done';
  /** Completed steps that were put back, in the order that was done. */
  readonly undone: readonly Step[];
  readonly notUndone: readonly NotUndone[];
  /** The disk that QEMU's text is about, where it can be told. */
  declare readonly diskTarget?: string;
  /** What `afterTransaction` threw besides; absent where it did not, or where nothing else failed: then it is the cause. */
  declare readonly hookFailure?: unknown;

  constructor(plan: Plan, failure: Failure, rollback: Rollback = { undone: [], notUndone: [] }) {
    const { index, cause, underWay = false, isDone = false, hookFailure } = failure;
    const failed: FailedStep = { step: plan.steps[index] as Step, index, cause };
    const outcome = isDone ? 'done' : outcomeOf(failed, underWay, rollback.notUndone);
    const diskTarget = concernedDisk(plan, failed);
    const lines = isDone
      ? describeDone(plan, failed)
      : [...describe(plan, failed, outcome, diskTarget), ...describeHook(hookFailure), ...describeRollback(rollback)];
    super('plan', lines.join('\n'), { cause });
    this.failed = failed;
    this.outcome = outcome;
    this.undone = rollback.undone;
    this.notUndone = rollback.notUndone;
    if (diskTarget !== undefined) this.diskTarget = diskTarget;
    if (hookFailure !== undefined) this.hookFailure = hookFailure.cause;
  }
}

interface Failure {
  readonly index: number;
  readonly cause: unknown;
  /** The command was sent and is not known to have been answered. */
  readonly underWay?: boolean;
  /** All steps are done: the failure is that of `afterTransaction`. */
  readonly isDone?: boolean;
  readonly hookFailure?: { readonly cause: unknown } | undefined;
}

interface Rollback {
  readonly undone: readonly Step[];
  readonly notUndone: readonly NotUndone[];
}

function outcomeOf(
  { step, cause }: FailedStep,
  underWay: boolean,
  notUndone: readonly NotUndone[],
): PlanError['outcome'] {
  if (underWay && mayHaveRun(step.command, cause)) return 'unknown';
  return notUndone.length > 0 || (step.irreversible && refusalIn(cause) !== undefined) ? 'partly' : 'undone';
}

/** A refusal says for certain that the step had no effect, a job that it did not end well. */
function mayHaveRun(command: Command, cause: unknown): boolean {
  // Not the session's: a wait was aborted, or a look has found what it was to find out. Else a session that is not ours.
  if (!isQmpError(cause)) return !onlyLooks(command);
  // A job that was waited for goes on by itself.
  if (cause.kind === 'closed') return command.kind === 'job-wait' || (cause as QmpClosedError).mayHaveRun;
  return cause.kind !== 'command' && cause.kind !== 'job';
}

/** By its kind: the session may be of the other build, whose classes differ. */
function refusalIn(cause: unknown): QmpCommandError | undefined {
  return isQmpError(cause) && cause.kind === 'command' ? (cause as QmpCommandError) : undefined;
}

/** QEMU does not tell which action failed, but its texts name the node or the bitmap. */
function concernedDisk({ next }: Plan, { step, cause }: FailedStep): string | undefined {
  const text = refusalIn(cause)?.desc;
  if (text === undefined) return undefined;
  const named = targetsOf(step.command).filter((target) => target.names.some((name) => isNamedIn(text, name)));
  const [nodeName, ...others] = new Set(named.map((target) => target.nodeName));
  if (nodeName === undefined || others.length > 0) return undefined;
  return next.disks.find(({ backingChain }) => backingChain.some((node) => node.nodeName === nodeName))?.diskTarget;
}

function targetsOf(command: Command): readonly { readonly nodeName: string; readonly names: readonly string[] }[] {
  const actions: readonly Action[] = command.kind === 'transaction' ? command.actions : [command];
  return actions.flatMap((action) => {
    if (!('nodeName' in action)) return [];
    const { nodeName } = action;
    if ('intoBitmap' in action) return [{ nodeName, names: [nodeName, action.intoBitmap] }];
    return [{ nodeName, names: 'bitmap' in action ? [nodeName, action.bitmap] : [nodeName] }];
  });
}

function isNamedIn(text: string, name: string): boolean {
  return text.includes(`'${name}'`) || text.endsWith(`: ${name}`);
}

function describe(
  { steps }: Plan,
  { step, index, cause }: FailedStep,
  outcome: PlanError['outcome'],
  diskTarget: string | undefined,
): readonly string[] {
  const disk = diskTarget === undefined ? '' : ` (disk ${diskTarget})`;
  const what = `step ${index + 1} of ${steps.length} failed${disk}: ${textOf(cause)}; ${cureFor(cause, outcome)}`;
  return [what, `the step was: ${step.why}`];
}

function describeDone({ steps }: Plan, { step, index, cause }: FailedStep): readonly string[] {
  const all = steps.length === 1 ? 'the step is' : `all ${steps.length} steps are`;
  return [
    `${all} done, but after the transaction of step ${index + 1} this failed: ${textOf(cause)}`,
    `the step was: ${step.why}`,
  ];
}

function describeHook(hookFailure: Failure['hookFailure']): readonly string[] {
  return hookFailure === undefined ? [] : [`after the transaction this failed too: ${textOf(hookFailure.cause)}`];
}

function describeRollback({ undone, notUndone }: Rollback): readonly string[] {
  const putBack = undone.length === 0 ? [] : [`put back: ${undone.map(({ why }) => why).join(' ')}`];
  const left = notUndone.map(({ step, cause }) => {
    const cannot = step.pointOfNoReturn ? 'what was done is needed to go on: plan the rest' : 'it cannot be undone';
    return `not put back: ${step.why} (${cause === undefined ? cannot : textOf(cause)})`;
  });
  return [...putBack, ...left];
}

function textOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

function cureFor(cause: unknown, outcome: PlanError['outcome']): string {
  if (outcome === 'unknown') return 'the step may have taken effect: observe the domain again before anything else';
  const refusal = refusalIn(cause);
  return refusal === undefined ? 'run the plan again when it may go on' : cureOf(refusal.code);
}
