import { describe, expect, it } from 'vitest';
import { inTopologicalOrder } from '../../../src/index.js';
import { checkpoint, tree } from '../../support/builders.js';

/** `b<a` is checkpoint b whose parent is a. */
const treeOf = (...checkpoints: readonly string[]) =>
  tree(
    checkpoints.map((each) => {
      const [name = '', parent] = each.split('<');
      return checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });
    }),
  );

describe('inTopologicalOrder', () => {
  it.each<[string, string[], string[]]>([
    ['nothing', [], []],
    ['a line that is in order already', ['a', 'b<a', 'c<b'], ['a', 'b', 'c']],
    ['a line upside down', ['c<b', 'b<a', 'a'], ['a', 'b', 'c']],
    ['siblings in the order of the tree', ['a', 'z<a', 'b<a', 'y<z'], ['a', 'z', 'b', 'y']],
    [
      'a parent that is pulled forward, and nothing else',
      ['x', 'c<b', 'y', 'b<a', 'a', 'z'],
      ['x', 'a', 'b', 'c', 'y', 'z'],
    ],
    ['numbers, which are names like any other', ['10<9', '9<2', '2'], ['2', '9', '10']],
    ['names that every object has', ['constructor<__proto__', '__proto__'], ['__proto__', 'constructor']],
    ['a parent that is not there', ['b<gone', 'a'], ['b', 'a']],
    ['a circle, each once', ['a<c', 'b<a', 'c<b', 'd<c'], ['b', 'c', 'a', 'd']],
  ])('of %s', (_, given, expected) => {
    expect(inTopologicalOrder(treeOf(...given)).map(({ name }) => name)).toEqual(expected);
  });

  it('of a line of 20,000 upside down, without running out of stack', () => {
    const names = Array.from({ length: 20_000 }, (_, place) => `c${place}`);
    const upsideDown = names.map((name, place) => (place === 0 ? name : `${name}<c${place - 1}`)).reverse();
    expect(inTopologicalOrder(treeOf(...upsideDown)).map(({ name }) => name)).toEqual(names);
  });
});
