import { describe, expect, it } from 'vitest';
import { checkDeleteCheckpoint, type DeleteOptions, type Domain, planDeleteCheckpoint } from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, line, node, tree } from '../../support/builders.js';
import { expectPlan } from '../../support/expect-plan.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const remove = (nodeName: string, name: string) => ({ kind: 'bitmap-remove', nodeName, bitmap: name }) as const;

const removal = (...actions: readonly ReturnType<typeof remove>[]) =>
  ({ command: { kind: 'transaction', actions }, irreversible: true }) as const;

const reopen = (nodeName: string, readOnly: boolean, backingNodeName?: string) =>
  ({
    kind: 'node-reopen',
    nodeName,
    format: 'qcow2',
    readOnly,
    fileNodeName: `${nodeName}-file`,
    ...(backingNodeName !== undefined && { backingNodeName }),
  }) as const;

const open = (nodeName: string, backing?: string) => ({
  command: reopen(nodeName, false, backing),
  undo: reopen(nodeName, true, backing),
});
const close = (nodeName: string, backing?: string) => ({ command: reopen(nodeName, true, backing) });

const deletion =
  (name: string, options?: DeleteOptions) =>
  (given: Domain): ReturnType<typeof planDeleteCheckpoint> =>
    planDeleteCheckpoint(given, name, options);

describe('planDeleteCheckpoint', () => {
  it('removes the bitmap, merges nothing, and leaves every other one alone', () => {
    const { next } = expectPlan(domain(), deletion('monday'), {
      steps: [removal(remove('vda-active', 'monday'))],
      checkpoints: line('tuesday'),
    });
    expect(next.disks[0]?.backingChain[0]?.bitmaps).toStrictEqual([bitmap('tuesday')]);
  });

  it('says that a removal cannot be put back', () => {
    const [step] = planDeleteCheckpoint(domain(), 'monday').steps;
    expect(step).toMatchObject({ irreversible: true });
    expect(step).not.toHaveProperty('undo');
  });

  describe('on some disks only', () => {
    const two = domain({
      disks: [
        disk('vda', [node('vda-active', { bitmaps: ['tuesday', 'monday'] })]),
        disk('vdb', [node('vdb-active', { bitmaps: ['tuesday', 'monday'] })]),
      ],
      checkpoints: tree([
        checkpoint('monday', { disks: ['vda', 'vdb'] }),
        checkpoint('tuesday', { parent: 'monday', disks: ['vda', 'vdb'] }),
      ]),
    });

    it('leaves it on the others, where it goes on, and its children where they are', () => {
      const { next } = expectPlan(two, deletion('monday', { disks: ['vdb'] }), {
        steps: [removal(remove('vdb-active', 'monday'))],
      });
      expect(next.checkpoints.checkpoints.map(({ name, parent, disks }) => [name, parent, disks])).toMatchObject([
        ['monday', undefined, [{ diskTarget: 'vda', bitmap: 'monday' }, { diskTarget: 'vdb' }]],
        [
          'tuesday',
          'monday',
          [
            { diskTarget: 'vda', bitmap: 'tuesday' },
            { diskTarget: 'vdb', bitmap: 'tuesday' },
          ],
        ],
      ]);
      expect(next.checkpoints.checkpoints[0]?.disks[1]).not.toHaveProperty('bitmap');
      expect(next.checkpoints.current).toBe('tuesday');
    });

    it('removes it as a whole where it is on no disk then', () => {
      const once = planDeleteCheckpoint(two, 'tuesday', { disks: ['vdb'] }).next;
      const { next } = expectPlan(once, deletion('tuesday', { disks: ['vda'] }), {
        steps: [removal(remove('vda-active', 'tuesday'))],
      });
      expect(next.checkpoints.checkpoints.map(({ name }) => name)).toEqual(['monday']);
      expect(next.checkpoints.current).toBe('monday');
    });

    it.each<[string, DeleteOptions, readonly string[]]>([
      ['a disk that it does not list', { disks: ['vdx'] }, ['disk-not-in-checkpoint']],
      ['children too', { disks: ['vda'], children: 'delete' }, ['invalid-input']],
    ])('refuses %s', (_, options, codes) => {
      expect(codesOf(checkDeleteCheckpoint(two, 'monday', options))).toEqual(codes);
    });
  });

  it('removes the bitmap from every layer, opening the read-only ones base-most first and closing them after', () => {
    const layered = domain({ disks: [disk('vda', chain('vda', [['tuesday', 'monday'], ['monday'], ['monday']]))] });
    expectPlan(layered, deletion('monday'), {
      steps: [
        open('vda-2'),
        open('vda-1', 'vda-2'),
        removal(remove('vda-active', 'monday'), remove('vda-1', 'monday'), remove('vda-2', 'monday')),
        close('vda-2'),
        close('vda-1', 'vda-2'),
      ],
    });
  });

  it('opens only the layers that have the bitmap, though there is a gap between them', () => {
    const gap = domain({ disks: [disk('vda', chain('vda', [['monday'], [], ['tuesday', 'monday']]))] });
    expectPlan(gap, deletion('monday'), {
      steps: [open('vda-2'), removal(remove('vda-active', 'monday'), remove('vda-2', 'monday')), close('vda-2')],
    });
  });

  it('opens base-most first also where a younger checkpoint reaches deeper than an older one', () => {
    const odd = domain({
      disks: [disk('vda', chain('vda', [['tuesday', 'monday'], ['tuesday', 'monday'], ['tuesday']]))],
    });
    expectPlan(odd, deletion('monday', { children: 'delete' }), {
      steps: [
        open('vda-2'),
        open('vda-1', 'vda-2'),
        removal(
          remove('vda-active', 'monday'),
          remove('vda-1', 'monday'),
          remove('vda-active', 'tuesday'),
          remove('vda-1', 'tuesday'),
          remove('vda-2', 'tuesday'),
        ),
        close('vda-2'),
        close('vda-1', 'vda-2'),
      ],
    });
  });

  it('repeats what a node was added with, because a reopen resets the rest', () => {
    const options = { cache: { direct: true, 'no-flush': false }, discard: 'unmap' };
    const active = node('top', { backingFilename: '/images/base.qcow2' });
    const base = node('base', { bitmaps: ['monday'], readOnly: true, reopenOptions: options });
    expectPlan(domain({ disks: [disk('vda', [active, base])] }), deletion('monday'), {
      steps: [
        { command: { ...reopen('base', false), options }, undo: { ...reopen('base', true), options } },
        removal(remove('base', 'monday')),
        { command: { ...reopen('base', true), options } },
      ],
    });
  });

  it('opens a layer in the middle that is writable as little as the active one', () => {
    const writable = chain('vda', [['monday'], ['monday']]).map((layer) => ({ ...layer, readOnly: false }));
    expectPlan(domain({ disks: [disk('vda', writable)] }), deletion('monday'), {
      steps: [removal(remove('vda-active', 'monday'), remove('vda-1', 'monday'))],
    });
  });

  it('opens a base that two disks share once, and removes its bitmap once', () => {
    const base = node('base', { bitmaps: ['monday'], readOnly: true });
    const over = (diskTarget: string) => disk(diskTarget, [node(diskTarget, { bitmaps: ['monday'] }), base]);
    const shared = domain({
      disks: [over('vda'), over('vdb')],
      checkpoints: tree([checkpoint('monday', { disks: ['vda', 'vdb'] })]),
    });
    expectPlan(shared, deletion('monday'), {
      steps: [
        open('base'),
        removal(remove('vda', 'monday'), remove('base', 'monday'), remove('vdb', 'monday')),
        close('base'),
      ],
    });
  });

  it('puts the removals of all disks into one transaction', () => {
    const two = domain({
      disks: [disk('vda', chain('vda', [['a'], ['a']])), disk('vdb', chain('vdb', [['a'], ['a']]))],
      checkpoints: tree([checkpoint('a', { disks: ['vda', { diskTarget: 'sda' }, 'vdb'] })]),
    });
    expectPlan(two, deletion('a'), {
      steps: [
        open('vda-1'),
        open('vdb-1'),
        removal(remove('vda-active', 'a'), remove('vda-1', 'a'), remove('vdb-active', 'a'), remove('vdb-1', 'a')),
        close('vda-1'),
        close('vdb-1'),
      ],
      checkpoints: { checkpoints: [] },
    });
  });

  it.each([
    ['inconsistent', { inconsistent: true, recording: false }],
    ['disabled', { recording: false }],
    ['transient', { persistent: false }],
  ])('removes a bitmap that is %s like any other', (_, state) => {
    const broken = domain({ disks: [disk('vda', [node('vda-active', { bitmaps: [bitmap('monday', state)] })])] });
    expectPlan(broken, deletion('monday'), { steps: [removal(remove('vda-active', 'monday'))] });
  });

  it('removes the bitmap the metadata names, not the one called after the checkpoint', () => {
    const renamed = domain({
      disks: [disk('vda', [node('vda-active', { bitmaps: ['monday', 'own'] })])],
      checkpoints: tree([checkpoint('monday', { disks: [{ diskTarget: 'vda', bitmap: 'own' }] })]),
    });
    expectPlan(renamed, deletion('monday'), { steps: [removal(remove('vda-active', 'own'))] });
  });

  it('removes what is there and tells what was not', () => {
    const partly = domain({
      disks: [disk('vda', chain('vda', [[]])), disk('vdb', chain('vdb', [['a']])), disk('vdd', [])],
      checkpoints: tree([checkpoint('a', { disks: ['vda', 'vdb', 'vdc', 'vdd'] })]),
    });
    const { warnings } = expectPlan(partly, deletion('a'), {
      steps: [removal(remove('vdb-active', 'a'))],
      checkpoints: { checkpoints: [] },
      warnings: ['bitmap-missing', 'disk-gone', 'bitmap-missing'],
    });
    expect(detailsOf(warnings ?? [])).toEqual([
      { code: 'bitmap-missing', diskTarget: 'vda', bitmap: 'a' },
      { code: 'disk-gone', diskTarget: 'vdc', checkpoint: 'a' },
      { code: 'bitmap-missing', diskTarget: 'vdd', bitmap: 'a' },
    ]);
  });

  it('deletes the metadata of a checkpoint none of whose bitmaps are left', () => {
    expectPlan(domain({ disks: [disk('vda')] }), deletion('tuesday'), {
      steps: [],
      checkpoints: line('monday'),
      warnings: ['bitmap-missing'],
    });
  });

  it('leaves a bitmap that a checkpoint which stays names too', () => {
    const twice = domain({
      checkpoints: tree([checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: 'monday' }] }), checkpoint('monday')]),
    });
    const { warnings } = expectPlan(twice, deletion('a'), {
      steps: [],
      checkpoints: tree([checkpoint('monday')]),
      warnings: ['bitmap-claimed'],
    });
    expect(warnings).toMatchObject([{ diskTarget: 'vda', bitmap: 'monday', checkpoint: 'monday' }]);
  });

  it('removes a bitmap that only checkpoints which go name, once', () => {
    const shared = { disks: [{ diskTarget: 'vda', bitmap: 'monday' }] };
    const twice = domain({ checkpoints: tree([checkpoint('a', shared), checkpoint('b', { ...shared, parent: 'a' })]) });
    expectPlan(twice, deletion('a', { children: 'delete' }), {
      steps: [removal(remove('vda-active', 'monday'))],
      checkpoints: { checkpoints: [] },
    });
  });

  it('plans no command where only the metadata is to be forgotten, busy bitmaps or not', () => {
    const busy = domain({ disks: [disk('vda', [node('n', { bitmaps: [bitmap('monday', { busy: true })] })])] });
    expectPlan(busy, deletion('monday', { metadataOnly: true }), { steps: [], checkpoints: line('tuesday') });
  });

  it('names the checkpoints and layers in its reasons', () => {
    const layered = domain({ disks: [disk('vda', chain('vda', [['tuesday', 'monday'], ['monday']]))] });
    expect(planDeleteCheckpoint(layered, 'monday', { children: 'delete' }).steps.map(({ why }) => why)).toEqual([
      'Open layer "vda-1" of disk vda for writing: its bitmaps cannot be changed otherwise.',
      'Remove the bitmaps of checkpoint "monday", "tuesday" from every layer that has them; no other bitmap is touched.',
      'Make layer "vda-1" of disk vda read-only again, which stores its other bitmaps.',
    ]);
  });

  it('refuses with every problem that checkDeleteCheckpoint lists', () => {
    const busy = ['monday', 'tuesday'].map((name) => bitmap(name, { busy: true }));
    const given = domain({ disks: [disk('vda', [node('n', { bitmaps: busy })])] });
    const problems = refusal(() => planDeleteCheckpoint(given, 'monday', { children: 'delete' }));
    expect(codesOf(problems)).toEqual(['bitmap-busy', 'bitmap-busy']);
    expect(problems).toStrictEqual(checkDeleteCheckpoint(given, 'monday', { children: 'delete' }));
  });
});

describe('planDeleteCheckpoint: what becomes of the tree', () => {
  //   root ─ a ─┬─ b ─ c (current)
  //             └─ d
  const parents = { root: undefined, a: 'root', b: 'a', c: 'b', d: 'a' } as const;
  type Name = keyof typeof parents;
  const treeOf = (
    names: readonly Name[],
    current: string | null,
    moved: Partial<Record<Name, string | undefined>> = {},
  ) =>
    tree(
      names.map((name) => {
        const parent = name in moved ? moved[name] : parents[name];
        return checkpoint(name, { disks: [], ...(parent !== undefined && { parent }) });
      }),
      current,
    );
  const all: readonly Name[] = ['root', 'a', 'b', 'c', 'd'];

  it.each<[string, Name, string | null, DeleteOptions['children'], ReturnType<typeof tree>]>([
    ['a leaf goes, and its parent becomes current', 'c', 'c', 'keep', treeOf(['root', 'a', 'b', 'd'], 'b')],
    ['a leaf goes that is not current', 'd', 'c', 'keep', treeOf(['root', 'a', 'b', 'c'], 'c')],
    [
      'children move to the parent of the deleted one',
      'a',
      'c',
      'keep',
      treeOf(['root', 'b', 'c', 'd'], 'c', { b: 'root', d: 'root' }),
    ],
    [
      'children of a deleted root become roots',
      'root',
      'c',
      undefined,
      treeOf(['a', 'b', 'c', 'd'], 'c', { a: undefined }),
    ],
    ['a current one in the middle goes', 'b', 'b', 'keep', treeOf(['root', 'a', 'c', 'd'], 'a', { c: 'a' })],
    ['the current root goes', 'root', 'root', 'keep', treeOf(['a', 'b', 'c', 'd'], null, { a: undefined })],
    ['all below go with it, the current one too', 'a', 'c', 'delete', treeOf(['root'], 'root')],
    ['all below go with it, the current one is elsewhere', 'b', 'd', 'delete', treeOf(['root', 'a', 'd'], 'd')],
    ['everything goes', 'root', 'd', 'delete', treeOf([], null)],
    ['only those below go, the current one too', 'a', 'c', 'delete-only', treeOf(['root', 'a'], 'a')],
    [
      'only those below go, the current one is elsewhere',
      'b',
      'd',
      'delete-only',
      treeOf(['root', 'a', 'b', 'd'], 'd'),
    ],
    ['only those below go, it is current itself', 'b', 'b', 'delete-only', treeOf(['root', 'a', 'b', 'd'], 'b')],
    ['only those below a leaf go: none', 'd', 'd', 'delete-only', treeOf(all, 'd')],
    ['there is no current one', 'b', null, 'keep', treeOf(['root', 'a', 'c', 'd'], null, { c: 'a' })],
  ])('%s', (_, name, current, children, expected) => {
    const given = domain({ checkpoints: treeOf(all, current) });
    for (const metadataOnly of [false, true]) {
      const options = { metadataOnly, ...(children !== undefined && { children }) };
      expectPlan(given, deletion(name, options), { steps: [], checkpoints: expected });
    }
  });
});
