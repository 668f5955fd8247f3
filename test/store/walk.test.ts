import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CheckpointTree,
  checkRedefineCheckpoint,
  type Domain,
  findCheckpoint,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
} from '../../src/index.js';
import { checkpoint, now } from '../support/builders.js';
import {
  afterCrash,
  crashes,
  expectAgreement,
  type Machine,
  newMachine,
  observe,
  open,
  send,
  settle,
  withSnapshot,
} from '../support/store-machine.js';

const names = ['__proto__', 'constructor', 'a', 'A', '10', '2', '-', 'x.json'] as const;

/** What is asked for, and what goes wrong meanwhile. */
const arbitraryMove = fc.record({
  ask: fc.constantFrom('create', 'create', 'delete', 'delete-all', 'delete-below', 'redefine', 'snapshot'),
  name: fc.constantFrom(...names),
  other: fc.constantFrom(...names),
  /** The process dies after so many file operations. */
  dieAfter: fc.option(fc.nat(16), { nil: undefined }),
  /** QEMU ends after so many steps, with so many actions of the next one done. */
  qemuEnds: fc.option(fc.record({ steps: fc.nat(3), actions: fc.nat(3) }), { nil: undefined }),
  crash: fc.constantFrom(...crashes),
});

type Move = typeof arbitraryMove extends fc.Arbitrary<infer M> ? M : never;

describe('a store over a life of changes, with crashes at any time', () => {
  it('holds what was asked for or what was there before, and agrees with the disks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryMove, { minLength: 1, maxLength: 12 }), async (moves) => {
        let machine = newMachine();
        let expected: CheckpointTree = { checkpoints: [] };
        for (const move of moves) [machine, expected] = await play(machine, expected, move);
      }),
      { numRuns: 150 },
    );
  });
});

async function play(
  machine: Machine,
  expected: CheckpointTree,
  move: Move,
): Promise<readonly [Machine, CheckpointTree]> {
  if (move.ask === 'snapshot') return [withSnapshot(afterCrash(machine, move.crash)), expected];
  const store = await open(machine);
  const domain = await observe(machine, store);
  expect(domain.checkpoints).toStrictEqual(expected);
  const plan = planOf(domain, move);
  if (plan === undefined) {
    await store.close();
    return [machine, expected];
  }
  const asked = plan.next.checkpoints;
  machine.files.dieAfter(move.dieAfter ?? Number.POSITIVE_INFINITY);
  try {
    await store.run(domain, plan, () => sendSome(machine, plan, move));
  } catch {
    const next = afterCrash(machine, move.crash);
    await using again = await open(next);
    await settle(next, again);
    await expectAgreement(next, again);
    const { checkpoints } = await again.load();
    expectOneOf(checkpoints, expected, asked, plan.steps.length > 0);
    return [next, checkpoints];
  }
  await expectAgreement(machine, store);
  expect((await store.load()).checkpoints).toStrictEqual(asked);
  // However it ends: what was saved outlasts it.
  return [afterCrash(machine, move.crash), asked];
}

function planOf(domain: Domain, { ask, name, other }: Move): Plan | undefined {
  const isThere = (wanted: string) => findCheckpoint(domain.checkpoints, wanted) !== undefined;
  switch (ask) {
    case 'create':
      return isThere(name) ? undefined : planCreateCheckpoint(domain, { name }, { now });
    case 'redefine':
      return redefinition(domain, name, other);
    case 'delete':
      return isThere(name) ? planDeleteCheckpoint(domain, name) : undefined;
    case 'delete-all':
      return isThere(name) ? planDeleteCheckpoint(domain, name, { children: 'delete' }) : undefined;
    case 'delete-below':
      return isThere(name) ? planDeleteCheckpoint(domain, name, { children: 'delete-only' }) : undefined;
    case 'snapshot':
      return undefined;
  }
}

/** Puts a checkpoint back, another form of one that is there too, under another parent, with a new child; unless that is refused. */
function redefinition(domain: Domain, name: string, other: string): Plan | undefined {
  const given = findCheckpoint(domain.checkpoints, name) ?? checkpoint(name, { disks: [] });
  const isParent = name !== other && findCheckpoint(domain.checkpoints, other) !== undefined;
  const changed = { ...given, description: other, ...(isParent && { parent: other }) };
  const child = checkpoint(`${other}-`, { disks: [], parent: name });
  const [problem] = checkRedefineCheckpoint(domain, [child, changed]);
  return problem === undefined ? planRedefineCheckpoint(domain, [child, changed]) : undefined;
}

async function sendSome(machine: Machine, { steps, next }: Plan, { qemuEnds }: Move): Promise<void> {
  const done = qemuEnds === undefined ? steps : steps.slice(0, qemuEnds.steps);
  await send(machine, { steps: done, next });
  const broken = steps[done.length];
  if (qemuEnds === undefined || broken === undefined) return;
  if (broken.command.kind === 'transaction') {
    machine.qemu.execute({ kind: 'transaction', actions: broken.command.actions.slice(0, qemuEnds.actions) });
  }
  throw new Error('QEMU has ended');
}

/** A plan with steps is done as a whole or not at all; metadata alone may be half written, checkpoint by checkpoint. */
function expectOneOf(stored: CheckpointTree, old: CheckpointTree, asked: CheckpointTree, isWhole: boolean): void {
  if (isWhole) {
    expect([old, asked].map(sorted)).toContainEqual(sorted(stored));
    return;
  }
  for (const each of stored.checkpoints) expect([...old.checkpoints, ...asked.checkpoints]).toContainEqual(each);
  const found = new Set(stored.checkpoints.map(({ name }) => name));
  const stay = old.checkpoints.filter(({ name }) => findCheckpoint(asked, name) !== undefined);
  expect(stay.filter(({ name }) => !found.has(name))).toEqual([]);
}

function sorted({ checkpoints, current }: CheckpointTree) {
  return { current, checkpoints: checkpoints.toSorted((one, other) => (one.name < other.name ? -1 : 1)) };
}
