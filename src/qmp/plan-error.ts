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
 * A plan was not carried out: which step failed and why, and how things stand now.
 *
 * `outcome` says it in a word: `undone`, all is as before; `partly`, something could not be put back; `unknown`, the session
 * ended and the failed step may have taken effect. After the last two observe the domain again before anything else.
 */
export class PlanError extends QmpError {
  override readonly name = 'PlanError';
  declare readonly kind: 'plan';
  readonly failed: FailedStep;
  readonly outcome: 'undone' | 'partly' | 'unknown';
  /** Completed steps that were put back, in the order that was done. */
  readonly undone: readonly Step[];
  readonly notUndone: readonly NotUndone[];
  /** The disk that QEMU's text is about, where it can be told. */
  declare readonly diskTarget?: string;

  constructor(
    plan: Plan,
    failure: { readonly index: number; readonly cause: unknown; readonly underWay: boolean },
    rollback: { readonly undone: readonly Step[]; readonly notUndone: readonly NotUndone[] },
  ) {
    const { index, cause, underWay } = failure;
    const failed: FailedStep = { step: plan.steps[index] as Step, index, cause };
    const outcome = outcomeOf(failed, underWay, rollback.notUndone);
    const diskTarget = concernedDisk(plan, failed);
    super('plan', describe(plan, failed, rollback, outcome, diskTarget), { cause: failed.cause });
    this.failed = failed;
    this.outcome = outcome;
    this.undone = rollback.undone;
    this.notUndone = rollback.notUndone;
    if (diskTarget !== undefined) this.diskTarget = diskTarget;
  }
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
  { undone, notUndone }: { readonly undone: readonly Step[]; readonly notUndone: readonly NotUndone[] },
  outcome: PlanError['outcome'],
  diskTarget: string | undefined,
): string {
  const disk = diskTarget === undefined ? '' : ` (disk ${diskTarget})`;
  const what = cause instanceof Error ? cause.message : String(cause);
  const lines = [`step ${index + 1} of ${steps.length} failed${disk}: ${what}; ${cureFor(cause, outcome)}`];
  lines.push(`the step was: ${step.why}`);
  if (undone.length > 0) lines.push(`put back: ${undone.map(({ why }) => why).join(' ')}`);
  for (const { step: left, cause: why } of notUndone) {
    const cannot = left.pointOfNoReturn ? 'what was done is needed to go on: plan the rest' : 'it cannot be undone';
    const reason = why === undefined ? cannot : why instanceof Error ? why.message : String(why);
    lines.push(`not put back: ${left.why} (${reason})`);
  }
  return lines.join('\n');
}

function cureFor(cause: unknown, outcome: PlanError['outcome']): string {
  if (outcome === 'unknown') return 'the step may have taken effect: observe the domain again before anything else';
  const refusal = refusalIn(cause);
  return refusal === undefined ? 'run the plan again when it may go on' : cureOf(refusal.code);
}
