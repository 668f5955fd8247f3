import type { Step } from '../core/plan/plan.js';

/**
 * What is done around the transaction that sets an instant, and around no other command: one in which a checkpoint begins, a
 * snapshot is taken or a backup starts. Nothing but that transaction is waited for in between.
 */
export interface TransactionHooks {
  /**
   * Called just before the transaction is sent. What it throws keeps that from being sent and stops the run, as an abort does;
   * an abort meanwhile does the same once this has come back, so listen to the signal where it may take long.
   */
  readonly beforeTransaction?: (instant: Instant) => Promise<void> | void;
  /**
   * Called as soon as the transaction is answered, and whatever fails: where it is refused, where the session is lost, where
   * the run was aborted, and where `beforeTransaction` has thrown; always before anything is put back.
   *
   * What it throws puts nothing back, for the transaction has happened: the run goes on to its end, and only then throws a
   * {@link PlanError} of the outcome `done`. Where something else fails too, that error says both.
   */
  readonly afterTransaction?: (instant: Instant) => Promise<void> | void;
}

/** A transaction that hooks are called around: the same object before and after. */
export interface Instant {
  readonly step: Step;
  /** Place in the plan, from 0. */
  readonly index: number;
  /** Steps of the plan. */
  readonly total: number;
  /** Stops the run; absent where it cannot be stopped any more. */
  readonly signal?: AbortSignal;
}

/** Runs a transaction between its hooks. What comes first decides: `afterTransaction` cannot hide why it failed. */
export async function betweenHooks(
  { beforeTransaction, afterTransaction }: TransactionHooks,
  instant: Instant,
  transaction: () => Promise<void>,
  onHookFailure: (failure: unknown) => void,
): Promise<void> {
  try {
    if (beforeTransaction !== undefined) {
      await beforeTransaction(instant);
      instant.signal?.throwIfAborted();
    }
    await transaction();
  } finally {
    try {
      await afterTransaction?.(instant);
    } catch (failure) {
      onHookFailure(failure);
    }
  }
}
