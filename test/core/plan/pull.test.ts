import { describe, expect, it } from 'vitest';
import { checkPull, type PullRequest } from '../../../src/core/check/pull.js';
import { planPull } from '../../../src/core/plan/pull.js';
import type { BlockNode, Domain } from '../../../src/index.js';
import { bitmap, disk, domain, freshDomain, GiB } from '../../support/builders.js';
import { expectPlanLaws } from '../../support/expect-plan.js';
import {
  inconsistent,
  layered,
  layeredSomewhere,
  layers,
  origins,
  spell,
  withBitmap,
  withLayer,
} from '../../support/layers.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const all: PullRequest = { diskTarget: 'vda' };
const toBase: PullRequest = { diskTarget: 'vda', baseNodeName: 'vda-2' };
const pull = (request: PullRequest) => (given: Domain) => planPull(given, request);

describe('planPull', () => {
  it('merges up what the lower layers hold before it starts, and dismisses the job before it looks', () => {
    const plan = expectPlanLaws(layered, pull(toBase));
    expect(spell(plan)).toEqual([
      ['merge a on vda-active from vda-1', 'merge b on vda-active from vda-1'],
      'start checkpoint-pull-vda-vda-active-vda-1-vda-2',
      'wait until concluded',
      'dismiss',
      'expect b a on vda-active',
      'remove vda-1',
      'remove vda-1-file',
    ]);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-active', 'c on vda-active']);
    expect(
      plan.next.disks[0]?.backingChain.map(({ nodeName, backingFilename }) => [nodeName, backingFilename]),
    ).toEqual([
      ['vda-active', '/images/vda-2.qcow2'],
      ['vda-2', undefined],
    ]);
  });

  it('pulls everything where no layer is to stay below', () => {
    const plan = expectPlanLaws(layered, pull(all));
    expect(spell(plan).slice(0, 2)).toEqual([
      ['merge a on vda-active from vda-1 vda-2', 'merge b on vda-active from vda-1'],
      'start checkpoint-pull-vda-vda-active-vda-1',
    ]);
    expect(origins(plan.next)).toEqual(['a on vda-active', 'b on vda-active', 'c on vda-active']);
    expect(plan.next.disks[0]?.backingChain).toHaveLength(1);
  });

  it('ends the job where anything fails, until it has ended; what was merged is on a layer below too, and stays', () => {
    const { steps } = planPull(layered, toBase);
    expect(steps.map(({ undo, pointOfNoReturn }) => undo?.kind ?? pointOfNoReturn)).toEqual([
      'transaction',
      'job-cancel',
      true,
      ...Array.from({ length: 4 }, () => undefined),
    ]);
    expect(steps[0]?.undo).toEqual({ kind: 'transaction', actions: [] });
  });

  it('merges nothing for what was made on the active layer', () => {
    const own = freshDomain(
      disk(
        'vda',
        layers.map((layer, place) => (place === 0 ? layer : { ...layer, bitmaps: [] })),
      ),
    );
    const plan = expectPlanLaws(own, pull(all));
    expect(spell(plan)[0]).toBe('start checkpoint-pull-vda-vda-active-vda-1');
    expect(spell(plan).join()).not.toContain('expect');
  });

  it('leaves behind what the active layer lacks, and says so', () => {
    const plan = expectPlanLaws(withBitmap(layered, 0, 'a', undefined), pull(toBase));
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-not-on-active-layer']);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-active', 'c on vda-active']);
  });

  it('says nothing of a bitmap of the active layer alone that is bad anyway', () => {
    const temporary = [bitmap('tmp', { persistent: false, recording: false }), ...(layers[0] as BlockNode).bitmaps];
    expect(expectPlanLaws(withLayer(layered, 0, { bitmaps: temporary }), pull(toBase)).warnings).toBeUndefined();
  });

  it('leaves nodes to themselves that QEMU named', () => {
    const [active, middle, base] = layers as [BlockNode, BlockNode, BlockNode];
    const given = { ...layered, disks: [disk('vda', [active, { ...middle, nodeName: '#block1' }, base])] };
    const plan = expectPlanLaws(given, pull(toBase));
    expect(spell(plan).slice(0, 2)).toEqual([
      ['merge a on vda-active from #block1', 'merge b on vda-active from #block1'],
      'start checkpoint-pull-vda-vda-active-.block1-vda-2',
    ]);
    expect(spell(plan).at(-1)).toBe('expect b a on vda-active');
    expect(plan.next.otherNodes).toBeUndefined();
  });

  it.each<[string, Domain, PullRequest, string]>([
    ['a bad one between two good ones', withBitmap(layered, 1, 'a', inconsistent), toBase, 'a'],
    ['one that was lost between two good ones', withBitmap(layered, 1, 'a', undefined), toBase, 'a'],
    [
      'a bad one, where it is not known where it was made',
      withBitmap(layeredSomewhere, 1, 'b', inconsistent),
      all,
      'b',
    ],
  ])('refuses %s: it would seem good afterwards; unless it may end', (_, given, request, name) => {
    const nodeName = 'vda-1';
    expect(detailsOf(checkPull(given, request))).toEqual([
      { code: 'bitmap-ends', diskTarget: 'vda', bitmap: name, checkpoint: name, nodeName, reason: 'unusable' },
    ]);
    const plan = expectPlanLaws(given, pull({ ...request, endCheckpoints: true }));
    expect(spell(plan)[0]).toEqual([`remove ${name} on vda-active`]);
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-ends']);
    expect(plan.next.checkpoints.checkpoints.map((each) => each.name)).not.toContain(name);
  });
});

describe('a pull is refused', () => {
  const refusals: [string, PullRequest, readonly string[], Domain?][] = [
    ['of a disk that is not there', { diskTarget: 'vdz' }, ['disk-not-found']],
    ['of a disk without a medium', all, ['disk-empty'], freshDomain(disk('vda', []))],
    ['down to what is no layer', { diskTarget: 'vda', baseNodeName: 'x' }, ['layer-not-found']],
    ['down to the next layer', { diskTarget: 'vda', baseNodeName: 'vda-1' }, ['nothing-to-pull']],
    ['down to the active layer', { diskTarget: 'vda', baseNodeName: 'vda-active' }, ['nothing-to-pull']],
    ['of a disk of one layer', all, ['nothing-to-pull'], domain()],
    ['where a bitmap is busy', all, ['bitmap-busy'], withBitmap(layered, 1, 'b', { busy: true })],
    [
      'where sizes keep QEMU from merging',
      all,
      ['bitmap-ends', 'bitmap-ends'],
      withLayer(layered, 0, { virtualSize: 2 * GiB }),
    ],
  ];

  it.each(refusals)('%s', (_, request, codes, given = layered) => {
    expect(codesOf(checkPull(given, request))).toEqual(codes);
    expect(codesOf(refusal(() => planPull(given, request)))).toEqual(codes);
  });

  it('where there is no request', () => {
    expect(codesOf(refusal(() => planPull(domain(), undefined as unknown as PullRequest)))).toEqual(['invalid-input']);
  });
});
