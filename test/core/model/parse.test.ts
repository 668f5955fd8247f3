import { describe, expect, it } from 'vitest';
import { parseCheckpoint, parseCheckpointDefinition, parseCheckpointTree, parseDomain } from '../../../src/index.js';
import { bitmap, checkpoint, disk, domain, node, tree, without } from '../../support/builders.js';
import { deepFreeze } from '../../support/deep-freeze.js';
import { codesOf, refusal } from '../../support/refusal.js';

const full = domain({
  uuid: '5b6f6f0e-0000-4000-8000-000000000000',
  disks: [
    disk('vda', [
      node('top', {
        bitmaps: [bitmap('a', { dirtyBytes: 65536, busy: true }), bitmap('b', { persistent: false, recording: false })],
        backingFilename: '/images/base.qcow2',
        backingNodeName: 'base',
        internalSnapshots: [{ name: 'before', hasVmState: true }],
        reopenOptions: { cache: { direct: true, 'no-flush': false }, discard: 'unmap', sizes: [1, null] },
      }),
      without(node('base', { readOnly: true, qcow2Version: 2 }), 'filename', 'fileNodeName', 'clusterSize'),
    ]),
    disk('sda', [], { readOnly: true }),
  ],
  checkpoints: tree([
    checkpoint('__proto__', {
      description: 'first',
      disks: [{ diskTarget: 'vda', bitmap: 'a', madeOn: '/images/base.qcow2' }],
    }),
    checkpoint('10', {
      parent: '__proto__',
      creationTimeSeconds: 0,
      disks: [{ diskTarget: 'vda' }, { diskTarget: 'gone' }],
    }),
  ]),
});

const definition = {
  name: 'constructor',
  description: '',
  disks: [
    { disk: 'vda', checkpoint: 'bitmap', bitmap: 'été', granularity: 512 },
    { disk: '/images/b', checkpoint: 'no' },
  ],
};

const parsers = [
  ['parseDomain', parseDomain, full],
  ['parseDomain of the smallest', parseDomain, { name: 'w', disks: [], checkpoints: { checkpoints: [] } }],
  ['parseCheckpointTree', parseCheckpointTree, full.checkpoints],
  ['parseCheckpoint', parseCheckpoint, full.checkpoints.checkpoints[0]],
  ['parseCheckpointDefinition', parseCheckpointDefinition, definition],
  ['parseCheckpointDefinition of the smallest', parseCheckpointDefinition, {}],
] as const;

describe.each(parsers)('%s', (_, parse, value) => {
  it('reads a value as it is', () => {
    expect(parse(value)).toStrictEqual(value);
  });

  it('gives a copy, and leaves the value as it was', () => {
    const given = structuredClone(value);
    const read = parse(given);
    expect(read).not.toBe(given);
    expect(given).toStrictEqual(value);
    expect(holdsFrozen(given)).toBe(false);
    expect(parse(deepFreeze(given))).toStrictEqual(read);
  });

  it('leaves out members that it does not know', () => {
    expect(parse({ ...value, later: 1, [Symbol('mark')]: 2 })).toStrictEqual(value);
  });

  it('reads what was read again, through JSON or not', () => {
    expect(parse(parse(value))).toStrictEqual(value);
    expect(parse(JSON.parse(JSON.stringify(parse(value))))).toStrictEqual(value);
  });

  it.each([undefined, null, 0, '', 'a', true, [], () => value, Symbol('a'), 1n])('refuses %o', (nonsense) => {
    expect(codesOf(refusal(() => parse(nonsense)))).toEqual(['invalid-input']);
  });
});

describe('what was read', () => {
  it.each(parsers.filter(([name]) => !name.startsWith('parseDomain')))(
    '%s is frozen all the way down',
    (_, parse, value) => {
      expect(isFrozenThroughout(parse(value))).toBe(true);
    },
  );

  it('of a domain has a tree that is frozen, so that it can be searched by an index', () => {
    expect(isFrozenThroughout(parseDomain(full).checkpoints)).toBe(true);
  });
});

describe('what cannot be read', () => {
  const wrong = { a: { b: [{}] } };

  it.each<[string, (input: unknown) => unknown, (broken: unknown) => unknown]>([
    ['a domain', parseDomain, (broken) => broken],
    ['its disks', parseDomain, (broken) => ({ ...full, disks: broken })],
    ['a backing chain', parseDomain, (broken) => ({ ...full, disks: [{ ...disk('vda'), backingChain: broken }] })],
    [
      'bitmaps',
      parseDomain,
      (broken) => ({ ...full, disks: [disk('vda', [{ ...node('n'), bitmaps: broken as never }])] }),
    ],
    [
      'options',
      parseDomain,
      (broken) => ({ ...full, disks: [disk('vda', [node('n', { reopenOptions: { a: [broken, 1n] } })])] }),
    ],
    ['a tree', parseCheckpointTree, (broken) => broken],
    ['its checkpoints', parseCheckpointTree, (broken) => ({ checkpoints: broken })],
    ['the disks of a checkpoint', parseCheckpoint, (broken) => ({ ...checkpoint('a'), disks: broken })],
    ['one disk of a checkpoint', parseCheckpoint, (broken) => ({ ...checkpoint('a'), disks: [broken] })],
    ['a definition’s disks', parseCheckpointDefinition, (broken) => ({ disks: broken })],
  ])('is left as it was, not even frozen: %s', (_, parse, place) => {
    const broken = structuredClone(wrong);
    const input = place(broken);
    expect(codesOf(refusal(() => parse(input)))).toContain('invalid-input');
    expect(broken).toStrictEqual(wrong);
    expect(holdsFrozen(input)).toBe(false);
  });
});

function isFrozenThroughout(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenThroughout);
}

function holdsFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.isFrozen(value) || Object.values(value).some(holdsFrozen);
}
