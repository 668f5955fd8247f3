import { describe, expect, it } from 'vitest';
import type { BlockNode } from '../../src/index.js';
import { filterAbove } from '../../src/qmp/filter-above.js';
import { node } from '../support/builders.js';

const base = node('base', { readOnly: true });
const top = node('top', { backingFilename: '/images/base.qcow2' });
const filter = (nodeName: string, change: Partial<BlockNode> = {}): BlockNode => {
  const { fileNodeName: _, ...rest } = node(nodeName, { format: 'throttle', filename: '/images/top.qcow2' });
  return { ...rest, ...change };
};

describe('filterAbove', () => {
  it.each<[string, readonly BlockNode[], readonly (string | undefined)[], string | undefined]>([
    ['none where there is none', [], ['top', undefined], undefined],
    ['the only one, whoever uses it', [filter('f')], [], 'f'],
    ['the one that is used', [filter('f'), filter('g')], ['vdb', 'g'], 'g'],
    ['the one that is known best to be used', [filter('f'), filter('g')], [undefined, 'g', 'f'], 'g'],
    ['the one that was added last, where none is known to be used', [filter('f'), filter('g')], ['top'], 'f'],
    [
      'the upper one, where QEMU tells what it stands on',
      [filter('g', { fileNodeName: 'top' }), filter('f', { fileNodeName: 'g' })],
      ['g'],
      'f',
    ],
    ["none where it is a job's", [filter('#block7', { format: 'copy-before-write' })], ['top'], undefined],
    ['one that QEMU named, where it is used', [filter('#block7')], ['#block7'], '#block7'],
    ['none where it is above another layer', [filter('f', { filename: '/images/base.qcow2' })], [], undefined],
    ['none where it stands on what is not there', [filter('f', { filename: '/images/x.qcow2' })], [], undefined],
  ])('gives %s', (_, filters, used, found) => {
    expect(filterAbove([...filters, top, base], top, used)).toBe(found);
  });

  it('lets no other error pass for a filter that stands elsewhere', () => {
    const broken = new Proxy(filter('f'), {
      get(of, member, receiver) {
        if (member === 'filename') throw new RangeError('broken');
        return Reflect.get(of, member, receiver);
      },
    });
    expect(() => filterAbove([broken, top], top, [])).toThrow(RangeError);
  });
});
