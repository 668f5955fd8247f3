import { describe, expect, it } from 'vitest';
import { possibleOwners } from '../../../src/core/tree/find-checkpoint.js';
import { type CheckpointTree, findCheckpoint, parseCheckpointTree } from '../../../src/index.js';
import { checkpoint, tree } from '../../support/builders.js';
import { codesOf, refusal } from '../../support/refusal.js';

const own = checkpoint('own', { disks: [{ diskTarget: 'vda', bitmap: 'other' }] });
const given = tree([checkpoint('a'), checkpoint('__proto__'), own, checkpoint('10')]);

// A frozen tree is searched through an index, any other from the front: both must tell the same.
describe.each<[string, CheckpointTree]>([
  ['in a frozen tree', parseCheckpointTree(given)],
  ['in a tree that can change', given],
])('findCheckpoint %s', (_, searched) => {
  it.each(['a', '__proto__', '10'])('finds %s', (name) => {
    expect(findCheckpoint(searched, name)).toBe(searched.checkpoints.find((each) => each.name === name));
    expect(findCheckpoint(searched, name)?.name).toBe(name);
  });

  it.each(['b', 'constructor', 'toString', '2', ''])('does not find "%s"', (name) => {
    expect(findCheckpoint(searched, name)).toBeUndefined();
  });

  it('names every checkpoint that may own a bitmap', () => {
    const names = possibleOwners(searched, new Set(['a', 'other', 'b'])).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['a', 'own']));
  });
});

describe('findCheckpoint', () => {
  it('finds the first of two of one name, frozen or not', () => {
    const first = { ...checkpoint('a'), description: 'first' };
    const twice = { checkpoints: [first, checkpoint('a')] };
    expect(findCheckpoint(twice, 'a')).toBe(first);
    const frozen = Object.freeze({ checkpoints: Object.freeze(twice.checkpoints.map((each) => freeze(each))) });
    expect(findCheckpoint(frozen, 'a')).toBe(frozen.checkpoints[0]);
  });

  it('sees what is added to a list after it was searched, and what is changed in a list that is frozen only on the surface', () => {
    const checkpoints = [checkpoint('a')];
    expect(findCheckpoint({ checkpoints }, 'b')).toBeUndefined();
    checkpoints.push(checkpoint('b'));
    expect(findCheckpoint({ checkpoints }, 'b')).toBe(checkpoints[1]);

    const changing: { -readonly [K in keyof ReturnType<typeof checkpoint>]: ReturnType<typeof checkpoint>[K] } =
      checkpoint('c');
    const surface = { checkpoints: Object.freeze([changing]) };
    expect(findCheckpoint(surface, 'd')).toBeUndefined();
    changing.name = 'd';
    expect(findCheckpoint(surface, 'd')).toBe(changing);
  });

  it.each([undefined, null, 1, {}, { checkpoints: [null] }])('tells that %j is no tree', (value) => {
    expect(codesOf(refusal(() => findCheckpoint(value as never, 'a')))).toEqual(['invalid-input']);
  });
});

function freeze(each: ReturnType<typeof checkpoint>) {
  return Object.freeze({ ...each, disks: Object.freeze(each.disks.map((disk) => Object.freeze(disk))) });
}
