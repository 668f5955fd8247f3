import { describe, expect, it } from 'vitest';
import { addCheckpoint, putCheckpoints, removeCheckpoints } from '../../../src/core/tree/edit-tree.js';
import type { CheckpointTree } from '../../../src/index.js';
import { checkpoint, tree } from '../../support/builders.js';
import { deepFreeze } from '../../support/deep-freeze.js';

const lone = (name: string, parent?: string) =>
  checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });
const given = deepFreeze(tree([lone('a'), lone('b', 'a'), lone('c', 'b')]));

describe('addCheckpoint', () => {
  it('puts it at the end and makes it current', () => {
    expect(addCheckpoint(given, lone('d', 'c'))).toStrictEqual(tree([...given.checkpoints, lone('d', 'c')]));
  });
});

describe('putCheckpoints', () => {
  it('replaces those that are there in their places, and adds the others in their order', () => {
    const put = [lone('z'), { ...lone('b', 'a'), description: 'new' }, lone('y')];
    const [a, , c] = given.checkpoints;
    expect(putCheckpoints(given, put, 'z').checkpoints).toStrictEqual([a, put[1], c, put[0], put[2]]);
  });

  it('takes the last of two of one name', () => {
    const last = { ...lone('z'), description: 'last' };
    expect(putCheckpoints(tree([]), [lone('z'), lone('y'), last]).checkpoints).toStrictEqual([last, lone('y')]);
  });

  it('leaves out who is current where none is', () => {
    expect(putCheckpoints(given, [])).toStrictEqual({ checkpoints: given.checkpoints });
    expect(putCheckpoints(given, [], 'a')).toStrictEqual({ checkpoints: given.checkpoints, current: 'a' });
  });
});

describe('removeCheckpoints', () => {
  it.each<[string, { readonly gone: readonly string[]; readonly left: CheckpointTree }]>([
    ['leaves the children of one that goes to its parent', { gone: ['b'], left: tree([lone('a'), lone('c', 'a')]) }],
    ['makes the children of a root roots', { gone: ['a'], left: tree([lone('b'), lone('c', 'b')]) }],
    ['leaves children to the nearest ancestor that stays', { gone: ['a', 'b'], left: tree([lone('c')]) }],
    ['makes the nearest ancestor that stays current', { gone: ['b', 'c'], left: tree([lone('a')]) }],
    ['leaves no checkpoint current where no ancestor stays', { gone: ['a', 'b', 'c'], left: tree([]) }],
    ['changes nothing where none of that name is there', { gone: ['z'], left: given }],
  ])('%s', (_, { gone, left }) => {
    expect(removeCheckpoints(given, new Set(gone))).toStrictEqual(left);
  });

  it('shares what stays as it was', () => {
    expect(removeCheckpoints(given, new Set(['b'])).checkpoints[0]).toBe(given.checkpoints[0]);
  });

  it('does not freeze what it was given', () => {
    const loose = tree([lone('a'), lone('b', 'a')]);
    const left = removeCheckpoints(loose, new Set(['a']));
    expect(Object.isFrozen(loose.checkpoints[1])).toBe(false);
    expect(loose.checkpoints[1]).toStrictEqual(lone('b', 'a'));
    expect(Object.isFrozen(left.checkpoints)).toBe(false);
  });

  it('ends where ancestors go round in a circle', () => {
    const round = tree([lone('a', 'b'), lone('b', 'a'), lone('c', 'a')], 'b');
    expect(removeCheckpoints(round, new Set(['a', 'b']))).toStrictEqual(tree([lone('c')], null));
  });
});
