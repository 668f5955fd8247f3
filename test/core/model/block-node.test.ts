import { describe, expect, it } from 'vitest';
import { blockNodeSchema } from '../../../src/core/model/block-node.js';
import { bitmap, node, without } from '../../support/builders.js';

const optional = {
  filename: '/a',
  backingFilename: '/b',
  backingNodeName: 'b',
  fileNodeName: 'f',
  fileReadOnly: true,
  clusterSize: 512,
  qcow2Version: 2,
  internalSnapshots: [{ name: '', hasVmState: false }],
  reopenOptions: { cache: { direct: true } },
} as const;
const members = Object.keys(optional) as (keyof typeof optional)[];

describe('a block node', () => {
  it.each(members)('is read without its %s, and refused where that is there and undefined', (member) => {
    const whole = { ...node('n'), ...optional };
    expect(blockNodeSchema.parse(whole)).toStrictEqual(whole);
    expect(blockNodeSchema.parse(without(whole, member))).toStrictEqual(without(whole, member));
    expect(blockNodeSchema.safeParse({ ...whole, [member]: undefined }).success).toBe(false);
  });

  it.each<[string, object]>([
    ['with a name of 31 bytes', { nodeName: `a${'é'.repeat(15)}` }],
    ['with a name that QEMU made up', { nodeName: '#block123' }],
    ['of a driver that is not known', { format: 'luks' }],
    ['without any byte', { virtualSize: 0 }],
    ['of the largest size', { virtualSize: 2 ** 53 - 1 }],
    ['with bitmaps, in their order', { bitmaps: [bitmap('b'), bitmap('a')] }],
  ])('%s is read', (_, change) => {
    const whole = { ...node('n'), ...change };
    expect(blockNodeSchema.parse(whole)).toStrictEqual(whole);
  });

  it.each<[string, object]>([
    ['without a name', { nodeName: '' }],
    ['with a name of 32 bytes', { nodeName: 'é'.repeat(16) }],
    ['without a driver', { format: '' }],
    ['of half a byte', { virtualSize: 0.5 }],
    ['of less than no bytes', { virtualSize: -1 }],
    ['that is neither read-only nor not', { readOnly: 'no' }],
    ['of a third version', { qcow2Version: 4 }],
    ['whose protocol layer is not read-only, which is told by leaving it out', { fileReadOnly: false }],
    ['with a snapshot without a name', { internalSnapshots: [{ hasVmState: true }] }],
    ['with a list of options', { reopenOptions: [] }],
    ['with an option that is no JSON', { reopenOptions: { a: { b: undefined } } }],
    ['without bitmaps', { bitmaps: null }],
    ['with a bitmap that is none', { bitmaps: [{}] }],
  ])('%s is refused', (_, change) => {
    expect(blockNodeSchema.safeParse({ ...node('n'), ...change }).success).toBe(false);
  });
});
