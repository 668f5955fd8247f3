import { expect } from 'vitest';
import {
  type BlockNode,
  type CheckpointTree,
  type Domain,
  type Plan,
  parseDomain,
  type Step,
} from '../../src/index.js';
import { deepFreeze } from './deep-freeze.js';
import { openLedger } from './ledger.js';
import { type Qemu, startQemu } from './model.js';

/** What a plan is to be, but for the sentences that people read. */
export interface ExpectedPlan {
  readonly steps: readonly Omit<Step, 'why'>[];
  /** Looked at only where given. */
  readonly checkpoints?: CheckpointTree;
  /** The codes, in their order. */
  readonly warnings?: readonly string[];
  /** Bitmaps that could not be used before and can afterwards, because what was lost was written once more. */
  readonly healed?: readonly string[];
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
  return expectPlanLaws(domain, plan, expected);
}

/**
 * What every plan must keep:
 *
 * 1. the domain is not modified, and whether it is frozen makes no difference;
 * 2. planning twice gives the same;
 * 3. a plan is plain JSON, with one sentence on each step;
 * 4. `next` is a domain that parses;
 * 5. QEMU takes every step, and its nodes and bitmaps are then those of `next`, bit counts included where no job writes;
 * 6. the bitmaps of `next` are still there after a clean restart;
 * 7. what can be undone is: after any steps but the last and their undoing, QEMU is as it was; where jobs run, but for bits;
 * 8. what the guest reads does not change by it, and what it writes between any two steps is held by every bitmap that can be used
 *    afterwards, with all it held before; none that could not be used seems good, but for those that are said to heal;
 * 9. no job is left.
 */
export function expectPlanLaws(
  domain: Domain,
  plan: (domain: Domain) => Plan,
  { healed = [] }: { readonly healed?: readonly string[] } = {},
): Plan {
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
  if (planned.steps.some(changesChain)) expectWritesKept(domain, planned, healed);
  return planned;
}

function expectSteps(domain: Domain, { steps, next }: Plan): void {
  const qemu = startQemu(domain);
  const isExact = !steps.some(runsJob);
  const before = seen(qemu, domain, isExact);
  for (const [place, { command, undo }] of steps.entries()) {
    // 7
    const needsUndo = undo !== undefined || place + 1 < steps.length;
    const undone = needsUndo ? replay(domain, steps.slice(0, place + 1)) : undefined;
    if (undone !== undefined) expect(seen(undone, domain, isExact)).toStrictEqual(before);
    qemu.execute(command);
  }
  // 5
  expect(seen(qemu, next, isExact)).toStrictEqual(sorted(isExact ? next : withoutCounts(next)));
  // 9
  expect(qemu.jobs()).toEqual([]);
  // 6
  qemu.restart();
  expect(stored(seen(qemu, next, isExact))).toStrictEqual(stored(isExact ? next : withoutCounts(next)));
}

/** 8: a guest that writes all the time, all over the disk. */
function expectWritesKept(domain: Domain, { steps, next }: Plan, healed: readonly string[]): void {
  const qemu = startQemu(domain);
  const ledger = openLedger(qemu, domain, healed);
  const targets = domain.disks.filter(({ readOnly, backingChain }) => !readOnly && backingChain.length > 0);
  let writes = 0;
  const write = () => {
    for (const { diskTarget, backingChain } of targets) {
      writes += 1;
      const blocks = Math.floor((backingChain[0]?.virtualSize ?? 0) / 4096);
      ledger.write(diskTarget, ((writes * 7919) % blocks) * 4096, 4096);
    }
    return targets.map(({ diskTarget }) => qemu.guestRead(diskTarget));
  };
  for (const { command } of steps) {
    const content = write();
    qemu.execute(command);
    expect(targets.map(({ diskTarget }) => qemu.guestRead(diskTarget))).toEqual(content);
    qemu.work(1);
  }
  write();
  ledger.check(qemu.observe(next));
}

function seen(qemu: Qemu, domain: Domain, isExact: boolean): Domain {
  const observed = sorted(qemu.observe(domain));
  return isExact ? observed : withoutCounts(observed);
}

/** A QEMU that took these steps and then their undoing; none where one of them cannot be undone. */
function replay(domain: Domain, steps: readonly Step[]): Qemu | undefined {
  if (steps.some(({ irreversible, pointOfNoReturn }) => irreversible || pointOfNoReturn)) return undefined;
  const qemu = startQemu(domain);
  for (const { command } of steps) qemu.execute(command);
  for (const { undo } of steps.toReversed()) if (undo !== undefined) qemu.execute(undo);
  expect(qemu.jobs()).toEqual([]);
  return qemu;
}

function runsJob({ command }: Step): boolean {
  return command.kind === 'job-start';
}

function changesChain({ command }: Step): boolean {
  if (command.kind === 'transaction') return command.actions.some(({ kind }) => kind === 'snapshot-take');
  return command.kind === 'job-start';
}

/** Nodes that are no layers have no order. */
function sorted({ otherNodes, ...domain }: Domain): Domain {
  if (otherNodes === undefined) return domain;
  return { ...domain, otherNodes: otherNodes.toSorted((a, b) => (a.nodeName < b.nodeName ? -1 : 1)) };
}

/** Where jobs write, or bits overlap, how many bytes are dirty is not what is compared. */
export function withoutCounts({ otherNodes, ...domain }: Domain): Domain {
  const uncounted = (node: BlockNode): BlockNode => ({
    ...node,
    bitmaps: node.bitmaps.map((bitmap) => ({ ...bitmap, dirtyBytes: 0 })),
  });
  const disks = domain.disks.map((disk) => ({ ...disk, backingChain: disk.backingChain.map(uncounted) }));
  return sorted({ ...domain, disks, ...(otherNodes !== undefined && { otherNodes: otherNodes.map(uncounted) }) });
}

/** What a restart brings back: the layers, those below the active one for reading only, and the bitmaps in their files. */
function stored({ otherNodes: _, ...domain }: Domain): Domain {
  const disks = domain.disks.map((disk) => {
    const backingChain = disk.backingChain.map((node, layer) => ({
      ...node,
      readOnly: node.readOnly || layer > 0,
      bitmaps: node.bitmaps.filter(({ persistent }) => persistent),
    }));
    return { ...disk, backingChain };
  });
  return { ...domain, disks };
}
