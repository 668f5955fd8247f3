import { expect, it } from 'vitest';
import { findNode } from '../../../src/core/model/domain.js';
import { chain, disk, domain, node } from '../../support/builders.js';

it.each([
  ['the active layer of a disk', 'vda-active', 'vda-active'],
  ['a layer below it', 'vda-1', 'vda-1'],
  ['a node that is no layer', 'copy', 'copy'],
  ['no node at all', 'none', undefined],
])('findNode finds %s', (_, name, found) => {
  const layered = { ...domain({ disks: [disk('vda', chain('vda', [[], []]))] }), otherNodes: [node('copy')] };
  expect(findNode(layered, name)?.nodeName).toBe(found);
  expect(findNode(domain(), 'copy')).toBeUndefined();
});
