import { describe, expect, it } from 'vitest';
import { parseDomain } from '../../../src/index.js';
import { chain, checkpoint, disk, domain, node, tree, without } from '../../support/builders.js';
import { codesOf, refusal } from '../../support/refusal.js';

describe('parseDomain', () => {
  it.each<[string, unknown, readonly (string | number)[]]>([
    ['an empty name', { ...domain(), name: '' }, ['name']],
    ['a uuid that is null', { ...domain(), uuid: null }, ['uuid']],
    [
      'a disk without a target',
      { ...domain(), disks: [{ ...disk('vda'), diskTarget: '' }] },
      ['disks', 0, 'diskTarget'],
    ],
    [
      'a node-name of 32 bytes',
      { ...domain(), disks: [disk('vda', [node('n'.repeat(32))])] },
      ['disks', 0, 'backingChain', 0, 'nodeName'],
    ],
    [
      'a size that has lost digits',
      { ...domain(), disks: [disk('vda', [node('n', { virtualSize: 2 ** 53 })])] },
      ['disks', 0, 'backingChain', 0, 'virtualSize'],
    ],
    [
      'a third version of qcow2',
      { ...domain(), disks: [disk('vda', [{ ...node('n'), qcow2Version: 4 as never }])] },
      ['disks', 0, 'backingChain', 0, 'qcow2Version'],
    ],
    [
      'options that are no JSON',
      { ...domain(), disks: [disk('vda', [node('n', { reopenOptions: { a: 1n } })])] },
      ['disks', 0, 'backingChain', 0, 'reopenOptions', 'a'],
    ],
    ['no tree', without(domain(), 'checkpoints'), ['checkpoints']],
  ])('says where it was given %s', (_, input, path) => {
    expect(refusal(() => parseDomain(input))).toMatchObject([{ code: 'invalid-input', subject: 'domain', path }]);
  });

  it('lists what does not hang together in disks and tree alike', () => {
    const input = domain({
      disks: [disk('vda', chain('vda', [['a', 'a']])), disk('vda')],
      checkpoints: tree([checkpoint('a', { parent: 'x' }), checkpoint('a', { disks: ['vda', 'vda'] })], 'y'),
    });
    expect(codesOf(refusal(() => parseDomain(input)))).toEqual([
      'disk-duplicate',
      'bitmap-duplicate',
      'checkpoint-duplicate',
      'parent-not-found',
      'disk-asked-twice',
      'current-not-found',
    ]);
  });
});
