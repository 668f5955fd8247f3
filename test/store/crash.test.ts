import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  type CheckpointTree,
  type DeleteOptions,
  type Domain,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
} from '../../src/index.js';
import type { CheckpointStore } from '../../src/store/checkpoint-store.js';
import { checkpoint, now } from '../support/builders.js';
import {
  afterCrash,
  change,
  crashes,
  expectAgreement,
  type Machine,
  newMachine,
  observe,
  open,
  settle,
  withSnapshot,
} from '../support/store-machine.js';
import type { Crash } from '../support/store-memory-files.js';

type Change = (domain: Domain) => Plan;

const create =
  (name: string): Change =>
  (domain) =>
    planCreateCheckpoint(domain, { name }, { now });
const remove =
  (name: string, options?: DeleteOptions): Change =>
  (domain) =>
    planDeleteCheckpoint(domain, name, options);
const redefine =
  (...checkpoints: readonly Checkpoint[]): Change =>
  (domain) =>
    planRedefineCheckpoint(domain, checkpoints);
const lone = (name: string, parent?: string, description?: string) =>
  checkpoint(name, {
    disks: [],
    ...(parent !== undefined && { parent }),
    ...(description !== undefined && { description }),
  });
/** Makes a checkpoint the current one, as no plan does but a caller may. */
const current =
  (name: string | undefined): Change =>
  (domain) => {
    const { checkpoints } = domain.checkpoints;
    return {
      steps: [],
      next: { ...domain, checkpoints: { checkpoints, ...(name !== undefined && { current: name }) } },
    };
  };

interface Scenario {
  readonly before: readonly Change[];
  readonly change: Change;
}

const line = [create('a'), create('b'), create('c'), create('d')];

const scenarios: readonly (readonly [sentence: string, scenario: Scenario])[] = [
  ['the first checkpoint is made', { before: [], change: create('a') }],
  ['one more is made', { before: line, change: create('e') }],
  ['the current one is deleted', { before: line, change: remove('d') }],
  ['one in between is deleted, and its child moves up', { before: line, change: remove('b') }],
  ['the root is deleted, and its child becomes one', { before: line, change: remove('a') }],
  ['the only one is deleted', { before: [create('a')], change: remove('a') }],
  [
    'a root that is current is deleted, so that none is current',
    { before: [...line, current('a')], change: remove('a') },
  ],
  [
    'the one that says that none is current is deleted',
    { before: [...line, current('d'), current('a'), remove('a')], change: remove('b') },
  ],
  ['one is deleted with all below it', { before: line, change: remove('b', { children: 'delete' }) }],
  ['all below one are deleted', { before: line, change: remove('a', { children: 'delete-only' }) }],
  [
    'siblings are deleted together',
    {
      before: [create('a'), create('b'), current('a'), create('c'), current('a'), create('d')],
      change: remove('a', { children: 'delete-only' }),
    },
  ],
  [
    'several branches are deleted',
    {
      before: [
        create('a'),
        create('b'),
        create('c'),
        current('a'),
        create('d'),
        create('e'),
        current('a'),
        create('f'),
      ],
      change: remove('a', { children: 'delete-only' }),
    },
  ],
  [
    'only metadata is deleted, of one without bitmaps',
    { before: [redefine(lone('a')), redefine(lone('b', 'a'))], change: remove('a', { metadataOnly: true }) },
  ],
  [
    'many are put back at once, in any order',
    { before: [create('a')], change: redefine(lone('z', 'y'), lone('y', 'x'), lone('x', 'a'), lone('w', 'x')) },
  ],
  [
    'a family is turned upside down',
    {
      before: [redefine(lone('a')), redefine(lone('b', 'a')), redefine(lone('c', 'b'))],
      change: redefine(lone('a', 'b'), lone('b', 'c'), lone('c')),
    },
  ],
  [
    'some are replaced in their places',
    {
      before: [...line, redefine(lone('x', 'a'), lone('y', 'x'))],
      change: redefine(lone('x', 'b', 'new'), lone('y', 'b')),
    },
  ],
  ['another one becomes current', { before: line, change: current('b') }],
  ['none is current any more', { before: line, change: current(undefined) }],
];

async function machineWith(before: readonly Change[]): Promise<Machine> {
  const machine = newMachine();
  await using store = await open(machine);
  for (const plan of before) await change(machine, store, plan);
  return machine;
}

/** Runs something that may die, and says whether it did. */
async function survives(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch {
    return false;
  }
}

async function storedTree(machine: Machine): Promise<CheckpointTree> {
  await using store = await open(machine);
  return (await store.load()).checkpoints;
}

describe.each(crashes)('where a crash comes (%s) after any operation while', (crash) => {
  it.each(scenarios)('%s, all is as before or as asked for', async (_, { before, change: plan }) => {
    const start = withSnapshot(await machineWith(before));
    const old = await storedTree(start);
    const done = afterCrash(start, 'killed');
    let isWhole: boolean;
    {
      await using store = await open(done);
      const domain = await observe(done, store);
      isWhole = plan(domain).steps.length > 0;
      await change(done, store, plan);
      await expectAgreement(done, store);
    }
    const asked = await storedTree(done);
    const total = done.files.operations.length;
    expect(total).toBeGreaterThanOrEqual(2);

    for (let changes = 0; changes < total; changes += 1) {
      const machine = afterCrash(start, 'killed');
      machine.files.dieAfter(changes);
      const store = await open(machine);
      expect(await survives(() => change(machine, store, plan))).toBe(false);
      await expectRecovery(machine, crash, { old, asked, isWhole });
    }
  });
});

interface Outcomes {
  readonly old: CheckpointTree;
  readonly asked: CheckpointTree;
  /** QEMU has a part in it, so that it is done as a whole or not at all; metadata alone may be half written. */
  readonly isWhole: boolean;
}

/** What the next process finds is a tree; and it can settle what is pending, dying itself after any operation. */
async function expectRecovery(machine: Machine, crash: Crash, outcomes: Outcomes): Promise<void> {
  const settled = await recover(afterCrash(machine, crash), outcomes);
  for (let changes = 0; changes < settled.files.operations.length; changes += 1) {
    const again = afterCrash(machine, crash);
    again.files.dieAfter(changes);
    expect(await survives(async () => settle(again, await open(again)))).toBe(false);
    await recover(afterCrash(again, crash), outcomes);
  }
}

async function recover(machine: Machine, outcomes: Outcomes): Promise<Machine> {
  const { old, asked, isWhole } = outcomes;
  await using store = await open(machine);
  await expectNothingLost(machine, store, outcomes);
  await settle(machine, store);
  await expectAgreement(machine, store);
  if (isWhole) {
    expect([old, asked].map(membersOf)).toContainEqual(membersOf((await store.load()).checkpoints));
  } else {
    const again = afterCrash(machine, 'killed');
    await using other = await open(again);
    await other.save(asked);
    expect((await other.load()).checkpoints).toStrictEqual(asked);
  }
  return machine;
}

/** Whatever is in the tree before and after the change is there at every moment, in one of the two forms. */
async function expectNothingLost(machine: Machine, store: CheckpointStore, { old, asked }: Outcomes): Promise<void> {
  const { checkpoints } = await observe(machine, store);
  const forms = [...old.checkpoints, ...asked.checkpoints];
  for (const each of checkpoints.checkpoints) expect(forms).toContainEqual(each);
  const names = new Set(checkpoints.checkpoints.map(({ name }) => name));
  const stay = old.checkpoints.filter(({ name }) => asked.checkpoints.some((other) => other.name === name));
  expect(stay.filter(({ name }) => !names.has(name))).toEqual([]);
}

function membersOf({ checkpoints, current: name }: CheckpointTree) {
  return { name, checkpoints: checkpoints.toSorted((one, other) => (one.name < other.name ? -1 : 1)) };
}
