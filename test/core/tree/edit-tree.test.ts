import { describe, expect, it } from 'vitest';
import { addCheckpoint, putCheckpoints, removeCheckpoints } from '../../../src/core/tree/edit-tree.js';
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
  it('gives the children of those that go to another parent, and shares what stays as it was', () => {
    const left = removeCheckpoints(given, new Set(['b']), { parentOfOrphans: 'a', current: 'c' });
    expect(left).toStrictEqual(tree([lone('a'), lone('c', 'a')]));
    expect(left.checkpoints[0]).toBe(given.checkpoints[0]);
  });

  it('makes them roots where there is no other parent', () => {
    const left = removeCheckpoints(given, new Set(['a']), {});
    expect(left).toStrictEqual(tree([lone('b'), lone('c', 'b')], null));
  });

  it('does not freeze what it was given', () => {
    const loose = tree([lone('a'), lone('b', 'a')]);
    const left = removeCheckpoints(loose, new Set(['a']), {});
    expect(Object.isFrozen(loose.checkpoints[1])).toBe(false);
    expect(loose.checkpoints[1]).toStrictEqual(lone('b', 'a'));
    expect(Object.isFrozen(left.checkpoints)).toBe(false);
  });
});
