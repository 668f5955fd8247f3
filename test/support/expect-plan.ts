import { expect } from 'vitest';
import { type CheckpointTree, type Domain, type Plan, parseDomain, type Step } from '../../src/index.js';
import { deepFreeze } from './deep-freeze.js';
import { type Qemu, startQemu } from './model.js';

/** What a plan is to be, but for the sentences that people read. */
export interface ExpectedPlan {
  readonly steps: readonly Omit<Step, 'why'>[];
  /** Looked at only where given. */
  readonly checkpoints?: CheckpointTree;
  /** The codes, in their order. */
  readonly warnings?: readonly string[];
}

/**
 * Holds a plan against what is expected, and against {@link expectPlanLaws what every plan must keep}.
 *
 * @returns The plan, for what else is to be said of it.
 */
export function expectPlan(domain: Domain, plan: (domain: Domain) => Plan, expected: ExpectedPlan): Plan {
  const planned = plan(domain);
  expect(planned.steps.map(({ why: _, ...step }) => step)).toStrictEqual(expected.steps);
  if (expected.checkpoints !== undefined) expect(planned.next.checkpoints).toStrictEqual(expected.checkpoints);
  expect(planned.warnings?.map(({ code }) => code)).toStrictEqual(expected.warnings);
  return expectPlanLaws(domain, plan);
}

/**
 * What every plan must keep:
 *
 * 1. the domain is not modified, and whether it is frozen makes no difference;
 * 2. planning twice gives the same;
 * 3. a plan is plain JSON, with one sentence on each step;
 * 4. `next` is a domain that parses;
 * 5. QEMU takes every step, and its nodes and bitmaps are then those of `next`, bit counts included;
 * 6. the bitmaps of `next` are still there after a clean restart;
 * 7. what can be undone is: after any steps and their undoing, QEMU is as it was.
 */
export function expectPlanLaws(domain: Domain, plan: (domain: Domain) => Plan): Plan {
  const given = structuredClone(domain);
  const planned = plan(given);
  // 1, 2
  expect(given).toStrictEqual(domain);
  expect(plan(deepFreeze(given))).toStrictEqual(planned);
  // 3
  expect(JSON.parse(JSON.stringify(planned))).toStrictEqual(planned);
  for (const { why } of planned.steps) expect(why).toMatch(/^[A-Z].*[^.]\.$/u);
  // 4
  expect(parseDomain(planned.next)).toStrictEqual(planned.next);
  expectSteps(domain, planned);
  return planned;
}

function expectSteps(domain: Domain, { steps, next }: Plan): void {
  const qemu = startQemu(domain);
  const before = qemu.observe(domain);
  for (const [place, { command }] of steps.entries()) {
    // 7
    const undone = replay(domain, steps.slice(0, place + 1));
    if (undone !== undefined) expect(undone.observe(domain)).toStrictEqual(before);
    qemu.execute(command);
  }
  // 5
  expect(qemu.observe(next)).toStrictEqual(next);
  // 6
  qemu.restart();
  expect(qemu.observe(next)).toStrictEqual(persistentOnly(next));
}

/** A QEMU that took these steps and then their undoing; none where one of them cannot be undone. */
function replay(domain: Domain, steps: readonly Step[]): Qemu | undefined {
  if (steps.some(({ irreversible }) => irreversible)) return undefined;
  const qemu = startQemu(domain);
  for (const { command } of steps) qemu.execute(command);
  for (const { undo } of steps.toReversed()) if (undo !== undefined) qemu.execute(undo);
  return qemu;
}

function persistentOnly(domain: Domain): Domain {
  const disks = domain.disks.map((disk) => {
    const backingChain = disk.backingChain.map((node) => ({
      ...node,
      bitmaps: node.bitmaps.filter(({ persistent }) => persistent),
    }));
    return { ...disk, backingChain };
  });
  return { ...domain, disks };
}
