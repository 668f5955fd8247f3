import { describe, expect, it } from 'vitest';
import { checkTree } from '../../../src/core/model/tree-integrity.js';
import { checkpoint, line, tree } from '../../support/builders.js';
import { detailsOf } from '../../support/refusal.js';

const lone = (name: string, parent?: string) =>
  checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });

describe('checkTree', () => {
  it.each([
    ['an empty tree', tree([])],
    ['a line', line('a', 'b', 'c')],
    ['children before parents', tree([lone('b', 'a'), lone('a')], 'b')],
    ['none current', tree([lone('a')], null)],
    ['names that every object has', line('__proto__', 'constructor', '10', '2')],
  ])('finds nothing wrong with %s', (_, given) => {
    expect(checkTree(given)).toEqual([]);
  });

  it.each<[string, ReturnType<typeof tree>, readonly object[]]>([
    ['a name that is there twice', tree([lone('a'), lone('a')]), [{ code: 'checkpoint-duplicate', checkpoint: 'a' }]],
    [
      'a parent that is not there',
      tree([lone('a', 'x')]),
      [{ code: 'parent-not-found', checkpoint: 'a', parent: 'x' }],
    ],
    [
      'a parent that only every object has',
      tree([lone('a', 'toString')]),
      [{ code: 'parent-not-found', checkpoint: 'a', parent: 'toString' }],
    ],
    ['a current one that is not there', tree([lone('a')], 'x'), [{ code: 'current-not-found', checkpoint: 'x' }]],
    ['a current one in an empty tree', tree([], 'x'), [{ code: 'current-not-found', checkpoint: 'x' }]],
    ['its own parent', tree([lone('a', 'a')]), [{ code: 'parent-cycle', checkpoint: 'a', parent: 'a' }]],
    [
      'a disk that one lists twice',
      tree([checkpoint('a', { disks: ['vda', { diskTarget: 'vda' }] })]),
      [{ code: 'disk-asked-twice', checkpoint: 'a', disk: 'vda' }],
    ],
  ])('finds %s', (_, given, expected) => {
    expect(detailsOf(checkTree(given))).toEqual(expected);
  });

  it('names those that are in a circle, and not those that hang from it', () => {
    //  leaf ─ a ─ b ─ c ─ a; x ─ y ─ x; z alone
    const parents = { leaf: 'a', a: 'b', b: 'c', c: 'a', x: 'y', y: 'x', z: undefined };
    const given = tree(Object.entries(parents).map(([name, parent]) => lone(name, parent)));
    expect(checkTree(given).map((each) => 'checkpoint' in each && each.checkpoint)).toEqual(['a', 'b', 'c', 'x', 'y']);
    expect(new Set(checkTree(given).map(({ code }) => code))).toEqual(new Set(['parent-cycle']));
  });

  it('judges a line of 20,000, upside down and in a circle, without running out of stack', () => {
    const names = Array.from({ length: 20_000 }, (_, place) => `c${place}`);
    const hanging = (first: string | undefined) =>
      tree(names.map((name, place) => lone(name, place === 0 ? first : `c${place - 1}`)).reverse());
    expect(checkTree(hanging(undefined))).toEqual([]);
    expect(checkTree(hanging('c19999'))).toHaveLength(20_000);
  });
});
