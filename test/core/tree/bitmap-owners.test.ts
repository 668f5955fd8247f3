import { describe, expect, it } from 'vitest';
import { bitmapOwners } from '../../../src/core/tree/bitmap-owners.js';
import { checkpoint } from '../../support/builders.js';

const ownersOf = bitmapOwners([
  checkpoint('a', { disks: ['vda', { diskTarget: 'vdb', bitmap: '__proto__' }, { diskTarget: 'vdc' }] }),
  checkpoint('b', { disks: [{ diskTarget: 'vda', bitmap: 'a' }] }),
]);

describe('bitmapOwners', () => {
  it.each<[string, string, string, readonly string[]]>([
    ['every checkpoint that names it, in their order', 'vda', 'a', ['a', 'b']],
    ['the one that names it, whatever the name', 'vdb', '__proto__', ['a']],
    ['none where only another disk has one of that name', 'vdb', 'a', []],
    ['none where the disk takes no part', 'vdc', 'a', []],
    ['none for names that every object has', 'constructor', 'toString', []],
    ['none where the two names only look the same side by side', 'vd', 'aa', []],
  ])('tells %s', (_, diskTarget, bitmap, expected) => {
    expect(ownersOf(diskTarget, bitmap)).toEqual(expected);
  });
});
