import { describe, expect, it } from 'vitest';
import { namesIn, type PendingChange, parsePendingChange } from '../../../src/core/model/pending-change.js';
import { pendingChangeOf } from '../../../src/core/plan/pending-change.js';
import {
  type Domain,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
} from '../../../src/index.js';
import { chain, checkpoint, disk, domain, now, tree } from '../../support/builders.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const layered = domain({
  disks: [disk('vda', chain('vda', [['b', 'a'], ['a']])), disk('vdb', chain('vdb', [['b']])), disk('vdc')],
  checkpoints: tree([
    checkpoint('a', { disks: ['vda', 'gone'] }),
    checkpoint('b', { parent: 'a', disks: ['vda', 'vdb', { diskTarget: 'vdc' }] }),
  ]),
});

describe('pendingChangeOf', () => {
  it.each<[string, (given: Domain) => Plan, PendingChange | undefined]>([
    [
      'the checkpoint that a plan makes',
      (given) => planCreateCheckpoint(given, { name: 'c', disks: [{ disk: 'vda' }] }, { now }),
      {
        kind: 'create',
        checkpoint: {
          name: 'c',
          parent: 'b',
          creationTimeSeconds: now,
          disks: [
            { diskTarget: 'vda', bitmap: 'c', madeOn: '/images/vda-active.qcow2' },
            { diskTarget: 'vdb' },
            { diskTarget: 'vdc' },
          ],
        },
      },
    ],
    [
      'the checkpoint that a plan deletes, with the layers that are opened for it',
      (given) => planDeleteCheckpoint(given, 'a'),
      {
        kind: 'delete',
        checkpoints: ['a'],
        bitmaps: [{ checkpoint: 'a', diskTarget: 'vda', bitmap: 'a', layers: 2 }],
        reopenedNodes: ['vda-1'],
      },
    ],
    [
      'all that it deletes, each after its parent',
      (given) => planDeleteCheckpoint(given, 'a', { children: 'delete' }),
      {
        kind: 'delete',
        checkpoints: ['a', 'b'],
        bitmaps: [
          { checkpoint: 'a', diskTarget: 'vda', bitmap: 'a', layers: 2 },
          { checkpoint: 'b', diskTarget: 'vda', bitmap: 'b', layers: 1 },
          { checkpoint: 'b', diskTarget: 'vdb', bitmap: 'b', layers: 1 },
        ],
        reopenedNodes: ['vda-1'],
      },
    ],
    [
      'nothing, where only metadata goes',
      (given) => planDeleteCheckpoint(given, 'a', { metadataOnly: true }),
      undefined,
    ],
    ['nothing, where only metadata is put back', (given) => planRedefineCheckpoint(given, checkpoint('c')), undefined],
    [
      'nothing, where a checkpoint without bitmaps is made',
      (given) => planCreateCheckpoint(given, { name: 'c', disks: [{ disk: 'vda', checkpoint: 'no' }] }, { now }),
      undefined,
    ],
    [
      'nothing, where the steps leave the checkpoints as they are',
      (given) => ({ ...planCreateCheckpoint(given, { name: 'c' }, { now }), next: given }),
      undefined,
    ],
  ])('notes %s', (_, plan, expected) => {
    const change = pendingChangeOf(layered, plan(layered));
    expect(change).toStrictEqual(expected);
    if (change === undefined) return;
    expect(JSON.parse(JSON.stringify(change))).toStrictEqual(change);
    expect(parsePendingChange(change)).toStrictEqual(change);
  });

  it('counts every disk that shares a layer', () => {
    const [base] = chain('base', [['a']]);
    const disks = [disk('vda', [...chain('vda', [[]]), { ...(base as NonNullable<typeof base>), readOnly: true }])];
    const shared = [...disks, disk('vdb', [...chain('vdb', [[]]), ...(disks[0]?.backingChain.slice(1) ?? [])])];
    const given = domain({ disks: shared, checkpoints: tree([checkpoint('a', { disks: ['vda', 'vdb'] })]) });
    expect(pendingChangeOf(given, planDeleteCheckpoint(given, 'a'))).toMatchObject({
      bitmaps: [
        { diskTarget: 'vda', layers: 1 },
        { diskTarget: 'vdb', layers: 1 },
      ],
      reopenedNodes: ['base-active'],
    });
  });

  it('refuses what is no domain and no plan', () => {
    expect(codesOf(refusal(() => pendingChangeOf(layered, undefined as unknown as Plan)))).toEqual(['invalid-input']);
  });
});

describe('parsePendingChange', () => {
  const removed = { checkpoint: 'a', diskTarget: 'vda', bitmap: 'a', layers: 1 };
  const deletion = { kind: 'delete', checkpoints: ['a'], bitmaps: [removed], reopenedNodes: ['n'] };

  it('gives a frozen copy without what it does not know', () => {
    const parsed = parsePendingChange({ ...deletion, colour: 'blue' });
    expect(parsed).toStrictEqual(deletion);
    expect(Object.isFrozen(parsed)).toBe(true);
  });

  it.each<[string, unknown, readonly (string | number)[]]>([
    ['no object', null, []],
    ['no kind', { checkpoint: checkpoint('a') }, ['kind']],
    ['another kind', { ...deletion, kind: 'rename' }, ['kind']],
    ['a create without a checkpoint', { kind: 'create' }, ['checkpoint']],
    ['a delete of nothing', { ...deletion, checkpoints: [] }, ['checkpoints']],
    ['a name that none can have', { ...deletion, checkpoints: ['.a'] }, ['checkpoints', 0]],
    ['a bitmap on no layer', { ...deletion, bitmaps: [{ ...removed, layers: 0 }] }, ['bitmaps', 0, 'layers']],
    ['a bitmap without a name', { ...deletion, bitmaps: [{ ...removed, bitmap: '' }] }, ['bitmaps', 0, 'bitmap']],
    ['a node-name that none can have', { ...deletion, reopenedNodes: ['n'.repeat(32)] }, ['reopenedNodes', 0]],
  ])('refuses %s', (_, input, path) => {
    const problems = detailsOf(refusal(() => parsePendingChange(input)));
    expect(problems).toMatchObject([{ code: 'invalid-input', subject: 'change', path }]);
  });
});

describe('namesIn', () => {
  it('names the checkpoints that a change is about', () => {
    expect(namesIn({ kind: 'create', checkpoint: checkpoint('a') })).toEqual(['a']);
    expect(namesIn({ kind: 'delete', checkpoints: ['b', 'c'], bitmaps: [], reopenedNodes: [] })).toEqual(['b', 'c']);
  });
});
