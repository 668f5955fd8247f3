import { describe, expect, it } from 'vitest';
import { ancestorsOf, type Checkpoint, childrenOf, descendantsOf, parentOf } from '../../../src/index.js';
import { checkpoint, tree } from '../../support/builders.js';

const lone = (name: string, parent?: string) =>
  checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });

// In the tree's own order, which is not that of age:
//   a ─┬─ b ─── d ─── e
//      └─ c
//   __proto__ ─── constructor
const given = tree([
  lone('d', 'b'),
  lone('a'),
  lone('constructor', '__proto__'),
  lone('b', 'a'),
  lone('e', 'd'),
  lone('c', 'a'),
  lone('__proto__'),
]);

const names = (checkpoints: readonly Checkpoint[]) => checkpoints.map(({ name }) => name);

describe('the relatives of a checkpoint', () => {
  it.each<[string, { parent: string | undefined; children: string[]; ancestors: string[]; descendants: string[] }]>([
    ['a', { parent: undefined, children: ['b', 'c'], ancestors: [], descendants: ['b', 'c', 'd', 'e'] }],
    ['b', { parent: 'a', children: ['d'], ancestors: ['a'], descendants: ['d', 'e'] }],
    ['c', { parent: 'a', children: [], ancestors: ['a'], descendants: [] }],
    ['e', { parent: 'd', children: [], ancestors: ['d', 'b', 'a'], descendants: [] }],
    ['__proto__', { parent: undefined, children: ['constructor'], ancestors: [], descendants: ['constructor'] }],
    ['constructor', { parent: '__proto__', children: [], ancestors: ['__proto__'], descendants: [] }],
    ['toString', { parent: undefined, children: [], ancestors: [], descendants: [] }],
  ])('of %s', (name, expected) => {
    expect({
      parent: parentOf(given, name)?.name,
      children: names(childrenOf(given, name)),
      ancestors: names(ancestorsOf(given, name)),
      descendants: names(descendantsOf(given, name)),
    }).toEqual(expected);
  });

  it('are the checkpoints of the tree themselves, not copies', () => {
    expect(parentOf(given, 'b')).toBe(given.checkpoints[1]);
    expect(childrenOf(given, 'b')[0]).toBe(given.checkpoints[0]);
    expect(ancestorsOf(given, 'b')[0]).toBe(given.checkpoints[1]);
    expect(descendantsOf(given, 'b')[0]).toBe(given.checkpoints[0]);
  });

  it('are found in a tree that no parse would let through: each once, and never the checkpoint itself', () => {
    const circle = tree([lone('a', 'c'), lone('b', 'a'), lone('c', 'b'), lone('lost', 'gone')]);
    expect(names(ancestorsOf(circle, 'a'))).toEqual(['c', 'b']);
    expect(names(descendantsOf(circle, 'a'))).toEqual(['b', 'c']);
    expect(parentOf(circle, 'lost')).toBeUndefined();
    expect(ancestorsOf(circle, 'lost')).toEqual([]);
  });

  it('are found in a line of 20,000 without running out of stack', () => {
    const long = tree(
      Array.from({ length: 20_000 }, (_, place) => lone(`c${place}`, place === 0 ? undefined : `c${place - 1}`)),
    );
    expect(ancestorsOf(long, 'c19999')).toHaveLength(19_999);
    expect(descendantsOf(long, 'c0')).toHaveLength(19_999);
  });
});
