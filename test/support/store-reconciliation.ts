import { expect } from 'vitest';
import type { PendingChange } from '../../src/core/model/pending-change.js';
import { planReconcile, type ReconcileOptions, type Reconciliation } from '../../src/core/plan/reconcile.js';
import { type CheckpointTree, type Domain, parseDomain, type Step } from '../../src/index.js';
import { deepFreeze } from './deep-freeze.js';
import { startQemu } from './model.js';

/** What is to be decided, done, and left. */
export interface ExpectedReconciliation {
  /** `monday: confirm`, one for each checkpoint. */
  readonly decisions: readonly string[];
  readonly steps?: readonly Omit<Step, 'why'>[];
  readonly checkpoints: CheckpointTree;
  /** The codes, in their order. */
  readonly warnings?: readonly string[];
}

/**
 * Reconciles, and holds what comes out against what is expected and against what must always hold:
 *
 * 1. nothing that was passed in is modified, and planning twice gives the same;
 * 2. it is plain JSON, with one sentence for each step and each decision, and `next` is a domain that parses;
 * 3. QEMU takes every step, and its nodes and bitmaps are then those of `next`;
 * 4. where the process dies before the outcome is saved, to reconcile again needs no step and leaves the same tree;
 * 5. once it is saved, nothing is left to do, and what is undecided stays so.
 */
export function expectReconciliation(
  domain: Domain,
  pending: readonly PendingChange[],
  expected: ExpectedReconciliation,
  options?: ReconcileOptions,
): Reconciliation {
  const given = structuredClone({ domain, pending });
  const planned = planReconcile(given.domain, given.pending, options);
  // 1
  expect(given).toStrictEqual({ domain, pending });
  expect(planReconcile(deepFreeze(given.domain), deepFreeze(given.pending), options)).toStrictEqual(planned);

  expect(planned.decisions.map(({ checkpoint, verdict }) => `${checkpoint}: ${verdict}`)).toEqual(expected.decisions);
  expect(planned.steps.map(({ why: _, ...step }) => step)).toStrictEqual(expected.steps ?? []);
  expect(planned.next.checkpoints).toStrictEqual(expected.checkpoints);
  expect(planned.warnings?.map(({ code }) => code)).toStrictEqual(expected.warnings);

  // 2
  expect(JSON.parse(JSON.stringify(planned))).toStrictEqual(planned);
  for (const { why } of [...planned.steps, ...planned.decisions]) expect(why).toMatch(/^[A-Z].*[^.]\.$/u);
  expect(parseDomain(planned.next)).toStrictEqual(planned.next);
  // 3
  const qemu = startQemu(domain);
  for (const { command } of planned.steps) qemu.execute(command);
  expect(qemu.observe(planned.next)).toStrictEqual(planned.next);
  // 4
  const died = planReconcile({ ...planned.next, checkpoints: domain.checkpoints }, pending, options);
  expect(died.steps).toEqual([]);
  expect(died.next).toStrictEqual(planned.next);
  // 5
  const undecided = new Set(planned.decisions.filter(({ verdict }) => verdict === 'undecided').map(nameOf));
  const left = pending.filter((change) =>
    undecided.has(change.kind === 'create' ? change.checkpoint.name : (change.checkpoints[0] as string)),
  );
  const again = planReconcile(planned.next, left, options);
  expect(again.steps).toEqual([]);
  expect(again.next).toStrictEqual(planned.next);
  expect(again.decisions).toStrictEqual(planned.decisions.filter(({ verdict }) => verdict === 'undecided'));
  return planned;
}

function nameOf({ checkpoint }: { readonly checkpoint: string }): string {
  return checkpoint;
}
