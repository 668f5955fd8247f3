import { describe, expect, it } from 'vitest';
import { type CopyRequest, checkCopy } from '../../../src/core/check/copy.js';
import { planCopy } from '../../../src/core/plan/copy.js';
import type { BlockNode, Domain } from '../../../src/index.js';
import { bitmap, checkpoint, disk, domain, freshDomain, GiB, node, tree } from '../../support/builders.js';
import { expectPlanLaws } from '../../support/expect-plan.js';
import { inconsistent, layered, layers, origins, spell, withBitmap, withLayer } from '../../support/layers.js';
import { codesOf, refusal } from '../../support/refusal.js';

const made = { nodeName: 'copy', filename: '/images/copy.qcow2' } as const;
const mirror = node('copy');
const onMiddle = node('copy', { backingFilename: '/images/vda-1.qcow2' });
const to = (what: CopyRequest['mirror'], change: Partial<CopyRequest> = {}): CopyRequest => ({
  diskTarget: 'vda',
  mirror: what,
  ...change,
});
const copy = (request: CopyRequest) => (given: Domain) => planCopy(given, request);
const beside = (given: Domain, ...otherNodes: readonly BlockNode[]): Domain => ({ ...given, otherNodes });

describe('planCopy', () => {
  it('copies all layers into one, with all that each bitmap holds on any of them', () => {
    const plan = expectPlanLaws(beside(layered, mirror), copy(to(mirror)));
    const merges = [
      'merge a on copy from vda-active vda-1 vda-2',
      'merge b on copy from vda-active vda-1',
      'merge c on copy from vda-active',
    ];
    expect(spell(plan)).toEqual([
      'start checkpoint-copy-vda-vda-active-copy',
      'wait until ready',
      merges.flatMap((merge, place) => [`add ${'abc'[place]} on copy by 65536`, merge]),
      'complete',
      'wait until concluded',
      merges,
      'expect c b a on copy',
      ...['vda-active', 'vda-1', 'vda-2'].flatMap((layer) => [`remove ${layer}`, `remove ${layer}-file`]),
      'dismiss',
    ]);
    expect(origins(plan.next)).toEqual(['a on copy', 'b on copy', 'c on copy']);
    expect(plan.next.disks[0]).toMatchObject({
      sourcePath: '/images/copy.qcow2',
      backingChain: [{ nodeName: 'copy' }],
    });
    expect(plan.next.disks[0]?.backingChain).toHaveLength(1);
    expect(plan.next.otherNodes).toBeUndefined();
  });

  it('copies the active layer alone, onto what lies below', () => {
    const shallow = to(onMiddle, { shallow: true });
    const plan = expectPlanLaws(beside(layered, onMiddle), copy(shallow));
    expect(spell(plan)).toEqual([
      'start checkpoint-shallow-copy-vda-vda-active-copy',
      'wait until ready',
      ['a', 'b', 'c'].flatMap((name) => [`add ${name} on copy by 65536`, `merge ${name} on copy from vda-active`]),
      'complete',
      'wait until concluded',
      ['a', 'b', 'c'].map((name) => `merge ${name} on copy from vda-active`),
      'expect c b a on copy',
      'remove vda-active',
      'remove vda-active-file',
      'dismiss',
    ]);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-1', 'c on copy']);
    expect(plan.next.disks[0]?.backingChain.map(({ nodeName }) => nodeName)).toEqual(['copy', 'vda-1', 'vda-2']);
  });

  it.each([
    ['whole', to(made), undefined, null],
    ['shallow', to(made, { shallow: true }), '/images/vda-1.qcow2', 'vda-1'],
  ])('makes the image for a %s copy, and opens it on what it stands on', (_, request, header, below) => {
    const plan = expectPlanLaws(layered, copy(request));
    expect(spell(plan).slice(0, 9)).toEqual([
      'start checkpoint-create-copy-file',
      'wait until concluded',
      'dismiss',
      'add copy-file',
      'start checkpoint-create-copy',
      'wait until concluded',
      'dismiss',
      'add copy',
      expect.stringMatching(/^start checkpoint-(shallow-)?copy-vda-vda-active-copy$/),
    ]);
    const { steps } = plan;
    const formatted = steps[4]?.command;
    expect(formatted).toMatchObject({ job: { options: { driver: 'qcow2', file: 'copy-file', size: GiB } } });
    expect(JSON.stringify(formatted)).toContain(
      header === undefined ? '"size":1073741824}' : `"backing-file":"${header}","backing-fmt":"qcow2"`,
    );
    expect(steps[7]?.command).toMatchObject({ kind: 'node-add', backingNodeName: below });
  });

  it('copies a disk of one layer, shallow or not, in the same way', () => {
    const given = beside(domain(), mirror);
    const plan = expectPlanLaws(given, copy(to(mirror, { shallow: true })));
    expect(plan).toEqual(planCopy(given, to(mirror)));
  });

  it('takes a mirror that the domain does not tell of yet', () => {
    expect(planCopy(layered, to(mirror)).next.disks[0]?.backingChain[0]?.nodeName).toBe('copy');
  });

  it('ends the job and takes back what it added, until the job is let go', () => {
    const { steps } = planCopy(beside(domain(), mirror), to(mirror));
    expect(steps.map(({ undo, pointOfNoReturn }) => undo?.kind ?? pointOfNoReturn)).toEqual([
      'job-cancel',
      undefined,
      'transaction',
      true,
      ...Array.from({ length: 6 }, () => undefined),
    ]);
  });

  it('leaves behind what cannot be used, and says so', () => {
    const given = beside(withBitmap(layered, 1, 'a', undefined), mirror);
    const plan = expectPlanLaws(given, copy(to(mirror)));
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-gap']);
    expect(plan.next.disks[0]?.backingChain[0]?.bitmaps.map(({ name }) => name)).toEqual(['c', 'b']);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on copy', 'c on copy']);
    const shallow = beside(withBitmap(layered, 0, 'c', inconsistent), onMiddle);
    expect(origins(expectPlanLaws(shallow, copy(to(onMiddle, { shallow: true }))).next)).toEqual([
      'a on vda-2',
      'b on vda-1',
      'c on vda-active',
    ]);
  });

  it('leaves behind what does not reach down to where it was made: copied, it would seem to', () => {
    const plan = expectPlanLaws(beside(withBitmap(layered, 2, 'a', undefined), mirror), copy(to(mirror)));
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-not-down-to-origin']);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on copy', 'c on copy']);
  });

  it('merges no namesake from below where a bitmap was made', () => {
    const stale = withLayer(layered, 2, { bitmaps: [bitmap('c'), ...(layers[2] as BlockNode).bitmaps] });
    const plan = expectPlanLaws(beside(stale, mirror), copy(to(mirror)), { healed: ['c'] });
    expect(spell(plan)[2]).toContain('merge c on copy from vda-active');
  });

  it('ends the checkpoints where the copy is raw: each is told before anything is sent', () => {
    const raw = node('copy', { format: 'raw' });
    const given = beside(layered, raw);
    expect(codesOf(checkCopy(given, to(raw)))).toEqual(['bitmap-ends', 'bitmap-ends', 'bitmap-ends']);
    const plan = expectPlanLaws(given, copy(to(raw, { endCheckpoints: true })));
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-ends', 'bitmap-ends', 'bitmap-ends']);
    expect(plan.next.checkpoints).toEqual({ checkpoints: [] });
  });

  it('leaves a base open that another disk stands on', () => {
    const base = layers[2] as BlockNode;
    const given = { ...layered, disks: [...layered.disks, disk('vdb', [node('vdb'), base])] };
    const { next, steps } = expectPlanLaws(beside(given, mirror), copy(to(mirror)));
    expect(spell({ steps, next }).slice(-5, -1)).toEqual([
      'remove vda-active',
      'remove vda-active-file',
      'remove vda-1',
      'remove vda-1-file',
    ]);
    expect(next.disks[1]?.backingChain[1]).toEqual(base);
  });

  it('keeps the old base apart that QEMU named itself, until the layer above is closed', () => {
    const [active, middle, base] = layers as [BlockNode, BlockNode, BlockNode];
    const given = { ...layered, disks: [disk('vda', [active, middle, { ...base, nodeName: '#block1' }])] };
    const plan = expectPlanLaws(beside(given, mirror), copy(to(mirror)));
    expect(spell(plan)[2]).toContain('merge a on copy from vda-active vda-1 #block1');
    expect(plan.next.otherNodes).toBeUndefined();
  });
});

describe('a copy is refused', () => {
  const refusals: [string, CopyRequest, readonly string[], Domain?][] = [
    ['of a disk that is not there', to(made, { diskTarget: 'vdz' }), ['disk-not-found']],
    ['of a disk without a medium', to(made), ['disk-empty'], freshDomain(disk('vda', []))],
    [
      'to a layer of the disk',
      to(layers[2] as BlockNode),
      ['node-unsuitable', 'node-unsuitable', 'filename-taken', 'bitmap-exists'],
    ],
    ['to a node that is read-only', to(node('copy', { readOnly: true })), ['node-unsuitable']],
    ['to a node that stands on an image', to(onMiddle), ['node-unsuitable']],
    ['to one that stands on another image, where it is shallow', to(mirror, { shallow: true }), ['node-unsuitable']],
    [
      'to a node of another size',
      to(node('copy', { virtualSize: 2 * GiB })),
      ['size-differs', 'bitmap-ends', 'bitmap-ends', 'bitmap-ends'],
    ],
    ['to a node whose file is another’s', to(node('copy', { filename: '/images/vda-1.qcow2' })), ['filename-taken']],
    [
      'to a node whose file has the name that a checkpoint was made on',
      to(mirror),
      ['filename-taken'],
      {
        ...layered,
        checkpoints: tree([checkpoint('x', { disks: [{ diskTarget: 'vdb', madeOn: '/images/copy.qcow2' }] })]),
      },
    ],
    ['to a node that has one of the bitmaps', to(node('copy', { bitmaps: ['b'] })), ['bitmap-exists']],
    ['to an image that cannot be made', to({ ...made, nodeName: 'vda-1' }), ['node-name-taken', 'node-name-taken']],
    ['where a bitmap is busy', to(made), ['bitmap-busy'], withBitmap(layered, 2, 'a', { busy: true })],
    [
      'where the layers have different sizes, and so have the bitmaps',
      to(made),
      ['bitmap-ends', 'bitmap-ends'],
      withLayer(layered, 1, { virtualSize: GiB / 2 }),
    ],
    [
      'where QEMU named the active layer itself, whose bitmaps go with the job',
      to(made),
      ['layer-unnamed', 'layer-unnamed', 'layer-unnamed'],
      withLayer(layered, 0, { nodeName: '#block1' }),
    ],
  ];

  it.each(refusals)('%s', (_, request, codes, given = layered) => {
    expect(codesOf(checkCopy(given, request))).toEqual(codes);
    expect(codesOf(refusal(() => planCopy(given, request)))).toEqual(codes);
  });

  it.each([undefined, { diskTarget: 'vda' }])('where the request is %s', (request) => {
    expect(codesOf(refusal(() => planCopy(domain(), request as unknown as CopyRequest)))).toEqual(['invalid-input']);
  });
});
