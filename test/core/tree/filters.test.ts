import { describe, expect, it } from 'vitest';
import { type CheckpointTree, leavesOf, nonLeavesOf, rootsOf } from '../../../src/index.js';
import { checkpoint, tree } from '../../support/builders.js';

const lone = (name: string, parent?: string) =>
  checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });

describe('the filters of a list of checkpoints', () => {
  it.each<[string, CheckpointTree, { roots: string[]; leaves: string[]; nonLeaves: string[] }]>([
    ['no checkpoint', tree([]), { roots: [], leaves: [], nonLeaves: [] }],
    ['one', tree([lone('a')]), { roots: ['a'], leaves: ['a'], nonLeaves: [] }],
    [
      'a line',
      tree([lone('a'), lone('b', 'a'), lone('c', 'b')]),
      { roots: ['a'], leaves: ['c'], nonLeaves: ['a', 'b'] },
    ],
    [
      'two trees with a branch, in the order of the tree',
      tree([lone('c', 'a'), lone('10'), lone('b', 'a'), lone('a'), lone('2', '10')]),
      { roots: ['10', 'a'], leaves: ['c', 'b', '2'], nonLeaves: ['10', 'a'] },
    ],
    [
      'names that every object has',
      tree([lone('__proto__'), lone('constructor', '__proto__'), lone('toString')]),
      { roots: ['__proto__', 'toString'], leaves: ['constructor', 'toString'], nonLeaves: ['__proto__'] },
    ],
    ['a parent that is not there', tree([lone('a', 'gone')]), { roots: ['a'], leaves: ['a'], nonLeaves: [] }],
  ])('of %s', (_, given, expected) => {
    const names = (list: typeof rootsOf) => list(given).map(({ name }) => name);
    expect({ roots: names(rootsOf), leaves: names(leavesOf), nonLeaves: names(nonLeavesOf) }).toEqual(expected);
  });
});
