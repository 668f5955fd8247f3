import { describe, expect, it } from 'vitest';
import { type Checkpoint, checkRedefineCheckpoint, type Domain } from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, line, tree } from '../../support/builders.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const lone = (name: string, parent?: string): Checkpoint =>
  checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });

const problemsOf = (given: Domain, checkpoints: Parameters<typeof checkRedefineCheckpoint>[1], validate = false) =>
  detailsOf(checkRedefineCheckpoint(given, checkpoints, { validate }));

describe('checkRedefineCheckpoint', () => {
  it.each<[string, Checkpoint | readonly Checkpoint[]]>([
    ['a root', checkpoint('friday')],
    ['a child of one that is there', checkpoint('friday', { parent: 'monday' })],
    ['children before their parents', [lone('c', 'b'), lone('b', 'a'), lone('a')]],
    ['one that is there already', checkpoint('monday')],
    ['none at all', []],
    ['disks that are not in the domain', checkpoint('friday', { disks: ['vdx'] })],
    ['a bitmap of another disk’s name', checkpoint('friday', { disks: [{ diskTarget: 'vdb', bitmap: 'monday' }] })],
  ])('finds nothing wrong with %s', (_, checkpoints) => {
    expect(problemsOf(domain(), checkpoints)).toEqual([]);
  });

  it.each<[string, unknown, readonly object[]]>([
    ['a name with a blank', { ...lone('a'), name: 'a b' }, [{ subject: 'checkpoint', path: ['name'] }]],
    ['no creation time', { name: 'a', disks: [] }, [{ subject: 'checkpoint', path: ['creationTimeSeconds'] }]],
    ['a broken one among many', [lone('a'), null], [{ subject: 'checkpoints', path: [1] }]],
    [
      'several broken ones',
      [{ ...lone('a'), name: '' }, lone('b'), { ...lone('c'), disks: [{}] }],
      [
        { subject: 'checkpoints', path: [0, 'name'] },
        { subject: 'checkpoints', path: [2, 'disks', 0, 'diskTarget'] },
      ],
    ],
    ['no checkpoint', undefined, [{ subject: 'checkpoint', path: [] }]],
  ])('1: says where it is given %s', (_, checkpoints, expected) => {
    const problems = refusal(() => checkRedefineCheckpoint(domain(), checkpoints as never));
    expect(problems).toMatchObject(expected.map((details) => ({ code: 'invalid-input', ...details })));
  });

  it.each<[string, readonly Checkpoint[], readonly object[]]>([
    [
      '1: a checkpoint that comes twice',
      [lone('a'), lone('b'), lone('a')],
      [{ code: 'checkpoint-duplicate', checkpoint: 'a' }],
    ],
    [
      '1: a disk that is listed twice',
      [checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: 'x' }, { diskTarget: 'vda' }] })],
      [{ code: 'disk-asked-twice', checkpoint: 'a', disk: 'vda' }],
    ],
    ['2: a parent that is nowhere', [lone('a', 'x')], [{ code: 'parent-not-found', checkpoint: 'a', parent: 'x' }]],
    ['2: one that is its own parent', [lone('a', 'a')], [{ code: 'parent-cycle', checkpoint: 'a', parent: 'a' }]],
    [
      '2: two that are each other’s parents',
      [lone('a', 'b'), lone('b', 'a'), lone('c', 'b')],
      [
        { code: 'parent-cycle', checkpoint: 'a', parent: 'b' },
        { code: 'parent-cycle', checkpoint: 'b', parent: 'a' },
      ],
    ],
    [
      '2: one that is put below its own descendant',
      [lone('monday', 'tuesday')],
      [
        { code: 'parent-cycle', checkpoint: 'monday', parent: 'tuesday' },
        { code: 'parent-cycle', checkpoint: 'tuesday', parent: 'monday' },
      ],
    ],
    [
      '3: a bitmap that belongs to another checkpoint',
      [checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: 'monday' }] })],
      [{ code: 'bitmap-claimed', diskTarget: 'vda', bitmap: 'monday', checkpoint: 'monday' }],
    ],
    [
      '3: a bitmap that two of them name',
      ['a', 'b'].map((name) => checkpoint(name, { disks: [{ diskTarget: 'vda', bitmap: 'x' }] })),
      [
        { code: 'bitmap-claimed', diskTarget: 'vda', bitmap: 'x', checkpoint: 'b' },
        { code: 'bitmap-claimed', diskTarget: 'vda', bitmap: 'x', checkpoint: 'a' },
      ],
    ],
  ])('refuses %s', (_, checkpoints, expected) => {
    expect(new Set(problemsOf(domain(), checkpoints))).toEqual(new Set(expected));
    expect(problemsOf(domain(), checkpoints)).toHaveLength(expected.length);
  });

  const disabled = bitmap('b', { recording: false });
  const broken = domain({
    disks: [
      disk('vda', chain('vda', [['a'], ['a']])),
      disk('vdb', chain('vdb', [[], ['a', disabled]])),
      disk('vdc', []),
    ],
    checkpoints: tree([]),
  });

  it.each<[string, Checkpoint, readonly object[]]>([
    ['takes one whose bitmaps are usable', checkpoint('a', { disks: ['vda'] }), []],
    ['passes over a disk that has left the domain', checkpoint('a', { disks: ['vda', 'vdz'] }), []],
    ['passes over a disk that does not take part', checkpoint('a', { disks: ['vda', { diskTarget: 'vdb' }] }), []],
    [
      'refuses one whose bitmap is nowhere',
      checkpoint('x', { disks: ['vda', 'vdc'] }),
      [
        { code: 'bitmap-missing', diskTarget: 'vda', bitmap: 'x' },
        { code: 'bitmap-missing', diskTarget: 'vdc', bitmap: 'x' },
      ],
    ],
    [
      'says everything that is wrong, disk by disk',
      checkpoint('b', { disks: ['vda', 'vdb'] }),
      [
        { code: 'bitmap-missing', diskTarget: 'vda', bitmap: 'b' },
        { code: 'bitmap-not-on-active-layer', diskTarget: 'vdb', nodeName: 'vdb-active', bitmap: 'b' },
        { code: 'bitmap-not-recording', diskTarget: 'vdb', nodeName: 'vdb-1', bitmap: 'b' },
      ],
    ],
    ['looks at the bitmap the metadata names', checkpoint('x', { disks: [{ diskTarget: 'vda', bitmap: 'a' }] }), []],
    [
      'looks down to the layer it was made on',
      checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: 'a', madeOn: '/images/gone.qcow2' }] }),
      [{ code: 'bitmap-not-down-to-origin', diskTarget: 'vda', bitmap: 'a', madeOn: '/images/gone.qcow2' }],
    ],
  ])('4: %s', (_, put, expected) => {
    expect(problemsOf(broken, put, true)).toEqual(expected);
    expect(problemsOf(broken, put)).toEqual([]);
  });

  it('takes names that every object has for names like any other', () => {
    const names = ['__proto__', 'constructor', '10', '2'];
    const given = domain({ checkpoints: line(...names) });
    expect(problemsOf(given, checkpoint('a', { parent: '__proto__' }))).toEqual([]);
    expect(problemsOf(domain(), checkpoint('a', { parent: '__proto__' }))).toMatchObject([
      { code: 'parent-not-found' },
    ]);
  });

  it.each<[string, () => unknown]>([
    ['no domain', () => checkRedefineCheckpoint(null as never, [])],
    ['no options', () => checkRedefineCheckpoint(domain(), [], null as never)],
  ])('tells that it was given %s', (_, run) => {
    expect(codesOf(refusal(run))).toEqual(['invalid-input']);
  });
});
