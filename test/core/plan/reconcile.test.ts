import { describe, expect, it } from 'vitest';
import type { PendingChange, PendingDelete } from '../../../src/core/model/pending-change.js';
import { pendingChangeOf } from '../../../src/core/plan/pending-change.js';
import { planReconcile } from '../../../src/core/plan/reconcile.js';
import {
  type Bitmap,
  type Checkpoint,
  type DeleteOptions,
  type Disk,
  type Domain,
  planDeleteCheckpoint,
} from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, line, node, now, tree, without } from '../../support/builders.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';
import { type ExpectedReconciliation, expectReconciliation } from '../../support/store-reconciliation.js';

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

type Layers = readonly (readonly (string | Bitmap)[])[];

const onDisks = (disks: Readonly<Record<string, Layers>>, checkpoints = line('monday', 'tuesday')): Domain =>
  domain({ disks: Object.entries(disks).map(([target, layers]) => disk(target, chain(target, layers))), checkpoints });

const wednesday = checkpoint('wednesday', { parent: 'tuesday', disks: ['vda', 'vdb'] });
const made: PendingChange = { kind: 'create', checkpoint: wednesday };
const before = line('monday', 'tuesday');
const after = tree([...before.checkpoints, wednesday]);

type Row = readonly [
  sentence: string,
  given: Domain,
  pending: readonly PendingChange[],
  expected: ExpectedReconciliation,
];

describe('planReconcile, of a create', () => {
  it.each<Row>([
    [
      'confirms a checkpoint whose bitmaps are all there',
      onDisks({ vda: [['wednesday', 'tuesday', 'monday']], vdb: [['wednesday']] }),
      [made],
      { decisions: ['wednesday: confirm'], checkpoints: after },
    ],
    [
      'finds them on whatever layer they are by now',
      onDisks({ vda: [[], ['wednesday']], vdb: [['wednesday'], ['wednesday']] }),
      [made],
      { decisions: ['wednesday: confirm'], checkpoints: after },
    ],
    [
      'confirms it though a bitmap of it is of no use any more: that is for a check to say',
      onDisks({ vda: [[bitmap('wednesday', { inconsistent: true, recording: false })]], vdb: [['wednesday']] }),
      [made],
      { decisions: ['wednesday: confirm'], checkpoints: after },
    ],
    [
      'drops one that has no bitmap anywhere',
      onDisks({ vda: [['tuesday', 'monday']], vdb: [[]] }),
      [made],
      { decisions: ['wednesday: drop'], checkpoints: before },
    ],
    [
      'removes the part that is there',
      onDisks({ vda: [['wednesday', 'tuesday', 'monday']], vdb: [[]] }),
      [made],
      {
        decisions: ['wednesday: remove'],
        steps: [removal(remove('vda-active', 'wednesday'))],
        checkpoints: before,
      },
    ],
    [
      'removes it from every layer, and opens those that are read-only',
      onDisks({ vda: [[]], vdb: [['wednesday'], ['wednesday'], ['wednesday']] }),
      [made],
      {
        decisions: ['wednesday: remove'],
        steps: [
          open('vdb-2'),
          open('vdb-1', 'vdb-2'),
          removal(remove('vdb-active', 'wednesday'), remove('vdb-1', 'wednesday'), remove('vdb-2', 'wednesday')),
          close('vdb-2'),
          close('vdb-1', 'vdb-2'),
        ],
        checkpoints: before,
      },
    ],
    [
      'tells by the disks that are there',
      onDisks({ vdb: [['wednesday']] }),
      [made],
      { decisions: ['wednesday: confirm'], checkpoints: after, warnings: ['disk-gone'] },
    ],
    [
      'does not take a disk without a medium for one without the bitmap',
      onDisks({ vda: [], vdb: [['wednesday']] }),
      [made],
      { decisions: ['wednesday: confirm'], checkpoints: after, warnings: ['disk-empty'] },
    ],
    [
      'decides nothing where none of its disks can be looked at',
      onDisks({ vda: [], vdc: [['wednesday']] }),
      [made],
      { decisions: ['wednesday: undecided'], checkpoints: before, warnings: ['disk-empty', 'disk-gone'] },
    ],
    [
      'confirms one that has no bitmaps at all',
      onDisks({ vda: [[]] }),
      [{ kind: 'create', checkpoint: { ...wednesday, disks: [{ diskTarget: 'vda' }] } }],
      {
        decisions: ['wednesday: confirm'],
        checkpoints: tree([...before.checkpoints, { ...wednesday, disks: [{ diskTarget: 'vda' }] }]),
      },
    ],
    [
      'leaves out a parent that is no longer there',
      onDisks({ vda: [['wednesday']], vdb: [['wednesday']] }, line('monday')),
      [made],
      {
        decisions: ['wednesday: confirm'],
        checkpoints: tree([...line('monday').checkpoints, without(wednesday, 'parent')]),
      },
    ],
    [
      'does not make it current where a younger one is',
      onDisks(
        { vda: [['wednesday']], vdb: [['wednesday']] },
        tree([checkpoint('tuesday'), checkpoint('thursday', { parent: 'tuesday', creationTimeSeconds: now + 1 })]),
      ),
      [made],
      {
        decisions: ['wednesday: confirm'],
        checkpoints: tree(
          [
            checkpoint('tuesday'),
            checkpoint('thursday', { parent: 'tuesday', creationTimeSeconds: now + 1 }),
            wednesday,
          ],
          'thursday',
        ),
      },
    ],
    [
      'makes the first one current',
      onDisks({ vda: [['wednesday']], vdb: [['wednesday']] }, tree([])),
      [{ kind: 'create', checkpoint: without(wednesday, 'parent') }],
      { decisions: ['wednesday: confirm'], checkpoints: tree([without(wednesday, 'parent')]) },
    ],
    [
      'confirms in its place one that is in the tree already',
      onDisks({ vda: [['wednesday']], vdb: [['wednesday']] }, after),
      [made],
      { decisions: ['wednesday: confirm'], checkpoints: after },
    ],
    ['does nothing where nothing is pending', onDisks({ vda: [['a']] }), [], { decisions: [], checkpoints: before }],
  ])('%s', (_, given, pending, expected) => {
    expectReconciliation(given, pending, expected);
  });

  it.each<[string, { readonly madeOn?: string; readonly layers: Layers; readonly verdict: string }]>([
    [
      'below the layer it was made on is another’s',
      { madeOn: '/images/vda-active.qcow2', layers: [[], ['wednesday']], verdict: 'drop' },
    ],
    [
      'on the layer it was made on is its own',
      { madeOn: '/images/vda-1.qcow2', layers: [[], ['wednesday']], verdict: 'confirm' },
    ],
    [
      'above the layer it was made on is its own',
      { madeOn: '/images/vda-1.qcow2', layers: [['wednesday'], [], ['wednesday']], verdict: 'confirm' },
    ],
    [
      'on any layer is its own where the one it was made on is gone',
      { madeOn: '/images/old.qcow2', layers: [[], ['wednesday']], verdict: 'confirm' },
    ],
    [
      'on any layer is its own where it is not known where it was made',
      { layers: [[], ['wednesday']], verdict: 'confirm' },
    ],
  ])('a bitmap of its name %s', (_, { madeOn, layers, verdict }) => {
    const where = { diskTarget: 'vda', bitmap: 'wednesday', ...(madeOn !== undefined && { madeOn }) };
    const created = checkpoint('wednesday', { parent: 'tuesday', disks: [where] });
    expectReconciliation(onDisks({ vda: layers }), [{ kind: 'create', checkpoint: created }], {
      decisions: [`wednesday: ${verdict}`],
      checkpoints: verdict === 'confirm' ? tree([...before.checkpoints, created]) : before,
    });
  });

  it('removes no namesake below the layer it was made on', () => {
    const disks = [
      { diskTarget: 'vda', bitmap: 'wednesday', madeOn: '/images/vda-active.qcow2' },
      { diskTarget: 'vdb', bitmap: 'wednesday' },
    ];
    const created = checkpoint('wednesday', { parent: 'tuesday', disks });
    const given = onDisks({ vda: [['wednesday'], ['wednesday']], vdb: [[]] });
    expectReconciliation(given, [{ kind: 'create', checkpoint: created }], {
      decisions: ['wednesday: remove'],
      steps: [removal(remove('vda-active', 'wednesday'))],
      checkpoints: before,
    });
  });

  it('leaves alone a bitmap that another checkpoint names', () => {
    const owner = checkpoint('other', { disks: [{ diskTarget: 'vda', bitmap: 'wednesday' }] });
    const given = onDisks({ vda: [['wednesday']], vdb: [['wednesday']] }, tree([owner]));
    expectReconciliation(given, [{ kind: 'create', checkpoint: without(wednesday, 'parent') }], {
      decisions: ['wednesday: remove'],
      steps: [removal(remove('vdb-active', 'wednesday'))],
      checkpoints: tree([owner]),
      warnings: ['bitmap-claimed'],
    });
  });

  it('says on which disks a bitmap is and on which it is not', () => {
    const { decisions } = planReconcile(onDisks({ vda: [['wednesday']], vdb: [[]] }), [made]);
    expect(decisions[0]?.why).toBe(
      'Its bitmap is on disk vda but not on disk vdb: a part of a checkpoint is of no use.',
    );
  });
});

const deletion = (given: Domain, name: string, options?: DeleteOptions): PendingDelete =>
  pendingChangeOf(given, planDeleteCheckpoint(given, name, options)) as PendingDelete;

const twoDisks = (name: string, change: Partial<Omit<Checkpoint, 'disks'>> = {}) =>
  checkpoint(name, { ...change, disks: ['vda', 'vdb'] });
const family = tree(
  [twoDisks('a'), twoDisks('b', { parent: 'a' }), twoDisks('c', { parent: 'b' }), twoDisks('d', { parent: 'c' })],
  'd',
);
const parents = ({ checkpoints, current }: Domain['checkpoints']) => ({
  ...Object.fromEntries(checkpoints.map(({ name, parent = '-' }) => [name, parent])),
  ...(current !== undefined && { current }),
});
const whole = onDisks({ vda: [['d', 'c', 'b', 'a']], vdb: [['d', 'c', 'b', 'a']] }, family);
const withDisks = (disks: readonly Disk[]): Domain => ({ ...whole, disks });
const seen = (vda: Layers, vdb: Layers) => withDisks([disk('vda', chain('vda', vda)), disk('vdb', chain('vdb', vdb))]);

const withoutB = tree([twoDisks('a'), twoDisks('c', { parent: 'a' }), twoDisks('d', { parent: 'c' })], 'd');

describe('planReconcile, of a delete', () => {
  it.each<[string, Domain, PendingDelete, ExpectedReconciliation]>([
    [
      'keeps the checkpoint where every bitmap is still there',
      whole,
      deletion(whole, 'b'),
      { decisions: ['b: keep'], checkpoints: family },
    ],
    [
      'drops it where none is, and leaves its children to its parent',
      seen([['d', 'c', 'a']], [['d', 'c', 'a']]),
      deletion(whole, 'b'),
      { decisions: ['b: drop'], checkpoints: withoutB },
    ],
    [
      'removes the rest where some are gone',
      seen([['d', 'c', 'a']], [['d', 'c', 'b', 'a']]),
      deletion(whole, 'b'),
      { decisions: ['b: remove'], steps: [removal(remove('vdb-active', 'b'))], checkpoints: withoutB },
    ],
    [
      'takes a bitmap that lost a layer for one of which a part is gone',
      seen([['b'], []], [['b']]),
      deletion(seen([['b'], ['b']], [['b']]), 'b'),
      {
        decisions: ['b: remove'],
        steps: [removal(remove('vda-active', 'b'), remove('vdb-active', 'b'))],
        checkpoints: withoutB,
      },
    ],
    [
      'takes a bitmap that is on one layer more, by a snapshot, for whole',
      seen([['b'], ['b']], [['b'], ['b']]),
      deletion(seen([['b']], [['b']]), 'b'),
      { decisions: ['b: keep'], checkpoints: family },
    ],
    [
      'judges by the bitmaps that were there when the delete was planned',
      seen([['b']], [[]]),
      deletion(seen([['b']], [[]]), 'b'),
      { decisions: ['b: keep'], checkpoints: family },
    ],
    [
      'tells by the disks that are there',
      withDisks([disk('vdb', chain('vdb', [['c']]))]),
      deletion(whole, 'b'),
      { decisions: ['b: drop'], checkpoints: withoutB, warnings: ['disk-gone'] },
    ],
    [
      'decides nothing where none of its disks can be looked at',
      withDisks([disk('vda', [])]),
      deletion(whole, 'b'),
      { decisions: ['b: undecided'], checkpoints: family, warnings: ['disk-empty', 'disk-gone'] },
    ],
    [
      'decides for all that were to be deleted together: keep',
      whole,
      deletion(whole, 'b', { children: 'delete' }),
      { decisions: ['b: keep', 'c: keep', 'd: keep'], checkpoints: family },
    ],
    [
      'decides for all that were to be deleted together: remove',
      seen([['c', 'a']], [['d', 'a']]),
      deletion(whole, 'b', { children: 'delete' }),
      {
        decisions: ['b: remove', 'c: remove', 'd: remove'],
        steps: [removal(remove('vda-active', 'c'), remove('vdb-active', 'd'))],
        checkpoints: tree([twoDisks('a')]),
      },
    ],
    [
      'leaves the current mark to the one whose children only were to go',
      seen([['b', 'a']], [['b', 'a']]),
      deletion(whole, 'b', { children: 'delete-only' }),
      { decisions: ['c: drop', 'd: drop'], checkpoints: tree([twoDisks('a'), twoDisks('b', { parent: 'a' })]) },
    ],
    [
      'drops one whose bitmaps were all gone before',
      whole,
      { kind: 'delete', checkpoints: ['b'], bitmaps: [], reopenedNodes: [] },
      { decisions: ['b: drop'], checkpoints: withoutB },
    ],
  ])('%s', (_, given, pending, expected) => {
    expectReconciliation(given, [pending], expected);
  });

  it('goes on where the metadata of some was dropped already, even if their bitmaps came back', () => {
    const halfSaved = { ...whole, checkpoints: tree(family.checkpoints.slice(0, 3), 'c') };
    const rest = (name: string) => [remove('vda-active', name), remove('vdb-active', name)];
    expectReconciliation(halfSaved, [deletion(whole, 'c', { children: 'delete' })], {
      decisions: ['c: remove', 'd: remove'],
      steps: [removal(...rest('c'), ...rest('d'))],
      checkpoints: tree(family.checkpoints.slice(0, 2), 'b'),
    });
  });

  it('leaves alone a bitmap that a checkpoint which stays names', () => {
    const owner = checkpoint('owner', { disks: [{ diskTarget: 'vda', bitmap: 'b' }] });
    const given = { ...whole, checkpoints: tree([...family.checkpoints, owner], 'd') };
    const { next } = expectReconciliation(given, [deletion(whole, 'b')], {
      decisions: ['b: remove'],
      steps: [removal(remove('vdb-active', 'b'))],
      checkpoints: tree([...withoutB.checkpoints, owner], 'd'),
      warnings: ['bitmap-claimed'],
    });
    expect(next.disks[0]).toStrictEqual(given.disks[0]);
  });

  it('leaves children that came later to the nearest ancestor that stays', () => {
    const later = { ...whole, checkpoints: tree([...family.checkpoints, checkpoint('e', { parent: 'd' })], 'e') };
    const gone = { ...later, disks: seen([['a']], [['a']]).disks };
    const { next } = planReconcile(gone, [deletion(whole, 'b', { children: 'delete' })]);
    expect(parents(next.checkpoints)).toEqual({ a: '-', e: 'a', current: 'e' });
  });
});

/** A disk on three layers, of which some are open for writing below the active one. */
const layered = (bitmaps: Layers, writable: readonly number[] = []): Disk => {
  const layers = chain('vda', bitmaps).map((each, layer) =>
    writable.includes(layer) ? { ...each, readOnly: false } : each,
  );
  return disk('vda', layers);
};

describe('planReconcile, of layers that a delete opened for writing', () => {
  const three: Layers = [['b'], ['b'], ['b']];
  const closed = domain({ disks: [layered(three)], checkpoints: line('b') });
  const pending = deletion(closed, 'b');

  it.each<[string, readonly Disk[], ExpectedReconciliation]>([
    [
      'makes those that still are read-only again, base-most first, though the checkpoint is kept',
      [layered(three, [1, 2])],
      { decisions: ['b: keep'], steps: [close('vda-2'), close('vda-1', 'vda-2')], checkpoints: line('b') },
    ],
    [
      'makes only those read-only that still are writable',
      [layered(three, [2])],
      { decisions: ['b: keep'], steps: [close('vda-2')], checkpoints: line('b') },
    ],
    [
      'does so where the bitmaps are gone',
      [layered([[], [], []], [1])],
      { decisions: ['b: drop'], steps: [close('vda-1', 'vda-2')], checkpoints: tree([]) },
    ],
    [
      'does so after the rest of the bitmaps is removed',
      [layered([[], ['b'], ['b']], [1])],
      {
        decisions: ['b: remove'],
        steps: [
          open('vda-2'),
          removal(remove('vda-1', 'b'), remove('vda-2', 'b')),
          close('vda-2'),
          close('vda-1', 'vda-2'),
        ],
        checkpoints: tree([]),
      },
    ],
    [
      'does so though nothing can be decided',
      [{ ...layered(three, [1]), diskTarget: 'vdz' }],
      {
        decisions: ['b: undecided'],
        steps: [close('vda-1', 'vda-2')],
        checkpoints: line('b'),
        warnings: ['disk-gone'],
      },
    ],
    [
      'closes a layer that two disks share once',
      [layered(three, [2]), disk('vdb', [node('vdb-active'), ...layered(three, [2]).backingChain.slice(2)])],
      { decisions: ['b: keep'], steps: [close('vda-2')], checkpoints: line('b') },
    ],
    [
      'leaves alone what has become the active layer',
      [disk('vda', layered(three, [1]).backingChain.slice(1))],
      {
        decisions: ['b: remove'],
        steps: [open('vda-2'), removal(remove('vda-1', 'b'), remove('vda-2', 'b')), close('vda-2')],
        checkpoints: tree([]),
      },
    ],
    [
      'leaves alone a layer that another disk writes to',
      [layered(three, [2]), disk('vdb', [{ ...node('vda-2', { bitmaps: ['b'] }) }])],
      { decisions: ['b: keep'], checkpoints: line('b') },
    ],
    [
      'closes the active layer of a read-only disk',
      [{ ...disk('vda', layered(three, [1, 2]).backingChain.slice(1)), readOnly: true }],
      {
        decisions: ['b: remove'],
        steps: [removal(remove('vda-1', 'b'), remove('vda-2', 'b')), close('vda-2'), close('vda-1', 'vda-2')],
        checkpoints: tree([]),
      },
    ],
  ])('%s', (_, disks, expected) => {
    expectReconciliation({ ...closed, disks }, [pending], expected);
  });

  it('leaves other writable layers as they are', () => {
    const { steps } = planReconcile({ ...closed, disks: [layered(three, [1])] }, [
      { ...pending, reopenedNodes: ['vda-2'] },
    ]);
    expect(steps).toEqual([]);
  });
});

describe('planReconcile, of several changes', () => {
  it('ends each on what the ones before it lead to', () => {
    const given = seen([['e', 'd', 'c', 'a']], [['e', 'd', 'c', 'a']]);
    const e: PendingChange = { kind: 'create', checkpoint: twoDisks('e', { parent: 'b' }) };
    const { next, decisions } = planReconcile(given, [e, deletion(whole, 'b')]);
    expect(decisions.map(({ change, verdict }) => `${change}: ${verdict}`)).toEqual([
      'create: confirm',
      'delete: drop',
    ]);
    expect(parents(next.checkpoints)).toEqual({ a: '-', c: 'a', d: 'c', e: 'a', current: 'e' });
  });

  it('gives a bitmap that two were to have to the first', () => {
    const given = onDisks({ vda: [['shared']] }, tree([]));
    const named = (name: string): PendingChange => ({
      kind: 'create',
      checkpoint: checkpoint(name, { disks: [{ diskTarget: 'vda', bitmap: 'shared' }] }),
    });
    const { decisions, steps } = planReconcile(given, [named('x'), named('y')]);
    expect(decisions.map(({ verdict }) => verdict)).toEqual(['confirm', 'drop']);
    expect(steps).toEqual([]);
  });
});

describe('planReconcile with dropUndecided', () => {
  const nothingThere = domain({ disks: [], checkpoints: family });

  it.each<[string, PendingChange, Domain['checkpoints']]>([
    ['drops a create that nothing can be told about', { ...made, checkpoint: twoDisks('wednesday') }, family],
    ['drops the metadata of a delete that nothing can be told about', deletion(whole, 'b'), withoutB],
  ])('%s, and says what may be left', (_, pending, checkpoints) => {
    const { decisions } = expectReconciliation(
      nothingThere,
      [pending],
      {
        decisions: [`${pending.kind === 'create' ? 'wednesday' : 'b'}: drop`],
        checkpoints,
        warnings: ['disk-gone', 'disk-gone'],
      },
      { dropUndecided: true },
    );
    expect(decisions[0]?.why).toBe(
      'None of its disks (vda, vdb) is in the domain with a medium, and it is to be dropped: bitmaps may be left on their images.',
    );
  });

  it('changes nothing about what can be told', () => {
    const given = onDisks({ vdb: [['wednesday']] });
    expect(planReconcile(given, [made], { dropUndecided: true })).toStrictEqual(planReconcile(given, [made]));
  });
});

describe('what keeps planReconcile from ending a change', () => {
  const busy = bitmap('wednesday', { busy: true });
  const base = node('vdb-1', { bitmaps: ['wednesday'], readOnly: true });
  const vdb = (below: Disk['backingChain'][number]) => [disk('vda'), disk('vdb', [node('vdb-active'), below])];

  it.each<[string, Domain, readonly PendingChange[], readonly object[]]>([
    [
      'a job holds a bitmap that is to go',
      onDisks({ vda: [[busy]], vdb: [[]] }),
      [made],
      [{ code: 'bitmap-busy', diskTarget: 'vda', nodeName: 'vda-active', bitmap: 'wednesday' }],
    ],
    [
      'a read-only layer cannot be opened',
      domain({ disks: vdb(without(base, 'fileNodeName')) }),
      [made],
      [{ code: 'node-not-reopenable', diskTarget: 'vdb', nodeName: 'vdb-1', missing: 'file-node' }],
    ],
    [
      'a layer that was left writable cannot be closed',
      domain({ disks: vdb({ ...without(base, 'fileNodeName'), readOnly: false }) }),
      [{ kind: 'delete', checkpoints: ['monday'], bitmaps: [], reopenedNodes: ['vdb-1'] }],
      [{ code: 'node-left-writable', diskTarget: 'vdb', nodeName: 'vdb-1' }],
    ],
    [
      'a layer that was left writable stands on a node whose name QEMU made up',
      domain({ disks: vdb({ ...base, fileNodeName: '#block123', readOnly: false }) }),
      [{ kind: 'delete', checkpoints: ['monday'], bitmaps: [], reopenedNodes: ['vdb-1'] }],
      [{ code: 'node-left-writable', diskTarget: 'vdb', nodeName: 'vdb-1' }],
    ],
    [
      'more than one thing, all told at once',
      onDisks({ vda: [[busy, bitmap('thursday', { busy: true })]], vdb: [[]] }),
      [made, { kind: 'create', checkpoint: checkpoint('thursday', { disks: ['vda', 'vdb'] }) }],
      [
        { code: 'bitmap-busy', diskTarget: 'vda', nodeName: 'vda-active', bitmap: 'wednesday' },
        { code: 'bitmap-busy', diskTarget: 'vda', nodeName: 'vda-active', bitmap: 'thursday' },
      ],
    ],
  ])('%s', (_, given, pending, problems) => {
    expect(detailsOf(refusal(() => planReconcile(given, pending)))).toEqual(problems);
  });

  it('does not mind a busy bitmap that stays', () => {
    expect(planReconcile(onDisks({ vda: [[busy]], vdb: [['wednesday']] }), [made]).decisions[0]?.verdict).toBe(
      'confirm',
    );
  });

  it.each<[string, unknown, unknown]>([
    ['no domain', undefined, []],
    ['pending changes that are no list', domain(), {}],
    ['a change of no kind', domain(), [{ kind: 'rename' }]],
    ['a delete of nothing', domain(), [{ kind: 'delete', checkpoints: [], bitmaps: [], reopenedNodes: [] }]],
    ['a create of something else', domain(), [{ kind: 'create', checkpoint: 'monday' }]],
    ['nothing in place of a change', domain(), [null]],
  ])('%s', (_, given, pending) => {
    expect(codesOf(refusal(() => planReconcile(given as Domain, pending as readonly PendingChange[])))).toContain(
      'invalid-input',
    );
  });
});
