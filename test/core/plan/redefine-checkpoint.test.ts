import { describe, expect, it } from 'vitest';
import {
  type Checkpoint,
  type CheckpointTree,
  checkRedefineCheckpoint,
  inTopologicalOrder,
  planRedefineCheckpoint,
} from '../../../src/index.js';
import { checkpoint, domain, line, tree } from '../../support/builders.js';
import { expectPlan } from '../../support/expect-plan.js';
import { refusal } from '../../support/refusal.js';

const lone = (name: string, parent?: string, change: Partial<Checkpoint> = {}): Checkpoint => ({
  ...checkpoint(name, { disks: [] }),
  ...(parent !== undefined && { parent }),
  ...change,
});

const monday = lone('monday');
const tuesday = lone('tuesday', 'monday');
const given = tree([monday, tuesday]);

const cases: readonly [string, CheckpointTree, Checkpoint | readonly Checkpoint[], CheckpointTree][] = [
  ['the first one becomes current', tree([]), monday, tree([monday])],
  [
    'a child of the current one becomes current',
    given,
    lone('a', 'tuesday'),
    tree([monday, tuesday, lone('a', 'tuesday')]),
  ],
  ['a child of another does not', given, lone('a', 'monday'), tree([monday, tuesday, lone('a', 'monday')], 'tuesday')],
  ['a root does not where there is a current one', given, lone('a'), tree([monday, tuesday, lone('a')], 'tuesday')],
  [
    'a child of any becomes current where none is',
    tree([monday, tuesday], null),
    lone('a', 'monday'),
    tree([monday, tuesday, lone('a', 'monday')]),
  ],
  [
    'one that exists is replaced in its place and keeps its children',
    given,
    lone('monday', undefined, { description: 'corrected' }),
    tree([lone('monday', undefined, { description: 'corrected' }), tuesday]),
  ],
  [
    'one that exists is moved below another',
    tree([monday, tuesday, lone('x')], 'tuesday'),
    lone('monday', 'x'),
    tree([lone('monday', 'x'), tuesday, lone('x')], 'tuesday'),
  ],
  [
    'the current one that is replaced stays current',
    given,
    lone('tuesday', 'monday', { creationTimeSeconds: 1 }),
    tree([monday, lone('tuesday', 'monday', { creationTimeSeconds: 1 })]),
  ],
  [
    'many are put back parents first, the last of the line current',
    tree([]),
    [lone('c', 'b'), lone('b', 'a'), lone('a')],
    tree([lone('a'), lone('b', 'a'), lone('c', 'b')]),
  ],
  [
    'the eleventh comes after the tenth whatever its name sorts like',
    tree([]),
    [lone('10', '9'), lone('9'), lone('11', '10')],
    tree([lone('9'), lone('10', '9'), lone('11', '10')]),
  ],
  ['none changes nothing', given, [], given],
];

describe('planRedefineCheckpoint', () => {
  it.each(cases)('%s', (_, before, put, after) => {
    const plan = (of: ReturnType<typeof domain>) => planRedefineCheckpoint(of, put);
    expectPlan(domain({ checkpoints: before }), plan, { steps: [], checkpoints: after });
  });

  it('puts a line of many back whatever order it comes in', () => {
    const names = Array.from({ length: 12 }, (_, place) => String(place));
    const whole = line(...names);
    const shuffled = whole.checkpoints.toSorted((one, other) => (one.name < other.name ? 1 : -1));
    const { next } = planRedefineCheckpoint(domain({ checkpoints: tree([]) }), shuffled);
    expect(next.checkpoints).toStrictEqual(whole);
    expect(inTopologicalOrder(next.checkpoints)).toStrictEqual(whole.checkpoints);
  });

  it('takes a checkpoint with its bitmaps validated', () => {
    const { next } = planRedefineCheckpoint(domain({ checkpoints: tree([]) }), checkpoint('monday'), {
      validate: true,
    });
    expect(next.checkpoints.current).toBe('monday');
  });

  it('refuses with every problem that checkRedefineCheckpoint lists', () => {
    const put = [checkpoint('x', { parent: 'y' }), checkpoint('z', { disks: ['vda', 'vda'] })];
    const problems = refusal(() => planRedefineCheckpoint(domain(), put, { validate: true }));
    expect(problems).toStrictEqual(checkRedefineCheckpoint(domain(), put, { validate: true }));
    expect(problems.length).toBeGreaterThan(3);
  });
});
