import { describe, expect, it } from 'vitest';
import { checkRescueCheckpoint, type RescueRequest } from '../../../src/core/check/rescue-checkpoint.js';
import { planRescueCheckpoint } from '../../../src/core/plan/rescue-checkpoint.js';
import type { BlockNode, Domain } from '../../../src/index.js';
import { bitmap, chain, checkpoint, disk, domain, freshDomain, node, tree } from '../../support/builders.js';
import {
  inconsistent,
  layered,
  layeredSomewhere,
  layers,
  madeOn,
  withBitmap,
  withLayer,
} from '../../support/layers.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const of = (name: string, diskTarget = 'vda'): RescueRequest => ({ diskTarget, checkpoint: name });
const tmp = 'checkpoint-tmp-fill';
const lost = withBitmap(layered, 0, 'a', undefined);
const lostBelow = withBitmap(layered, 1, 'a', undefined);
const impossible = (name: string, reason: string, nodeName?: string) => ({
  code: 'rescue-impossible',
  diskTarget: 'vda',
  checkpoint: name,
  reason,
  ...(nodeName !== undefined && { nodeName }),
});
const only = (name: string, bitmapName?: string) =>
  tree([checkpoint(name, { disks: [{ diskTarget: 'vda', ...(bitmapName !== undefined && { bitmap: bitmapName }) }] })]);
const [active, middle, base] = layers as [BlockNode, BlockNode, BlockNode];

describe('a rescue is refused', () => {
  const busy = { busy: true, recording: false } as const;
  const inTheWay = { code: 'bitmap-exists', diskTarget: 'vda', nodeName: 'vda-active', bitmap: tmp } as const;
  const atStorage = { diskTarget: 'vda', nodeName: 'vda-active' } as const;
  const reopened = { diskTarget: 'vda', nodeName: 'vda-1' } as const;
  const refusals: [string, Domain, RescueRequest, readonly object[]][] = [
    ['1: of a disk that is not there', layered, of('a', 'vdz'), [{ code: 'disk-not-found', disk: 'vdz' }]],
    [
      '1: of a disk without a medium',
      { ...layered, disks: [disk('vda', [])] },
      of('a'),
      [{ code: 'disk-empty', diskTarget: 'vda' }],
    ],
    ['1: of a checkpoint that is not there', layered, of('z'), [{ code: 'checkpoint-not-found', checkpoint: 'z' }]],
    [
      '1: of neither',
      layered,
      of('z', 'vdz'),
      [
        { code: 'disk-not-found', disk: 'vdz' },
        { code: 'checkpoint-not-found', checkpoint: 'z' },
      ],
    ],
    [
      '1: of a disk that takes no part in it',
      { ...layered, checkpoints: only('a') },
      of('a'),
      [impossible('a', 'no-bitmap')],
    ],
    [
      '1: of a disk that came later',
      { ...layered, disks: [...layered.disks, disk('vdb')] },
      of('a', 'vdb'),
      [{ ...impossible('a', 'no-bitmap'), diskTarget: 'vdb' }],
    ],
    ['2: where its layer is gone', { ...lost, checkpoints: madeOn('gone') }, of('a'), [impossible('a', 'origin-gone')]],
    [
      '2: where its layer is not known and none has the bitmap',
      { ...layered, checkpoints: only('z', 'z') },
      of('z'),
      [impossible('z', 'origin-unknown')],
    ],
    [
      '2: where its layer is not known and the lowest bitmap is no good',
      withBitmap(layeredSomewhere, 2, 'a', inconsistent),
      of('a'),
      [impossible('a', 'origin-unknown')],
    ],
    [
      '4: where the base lost it',
      withBitmap(layered, 2, 'a', undefined),
      of('a'),
      [impossible('a', 'no-backing', 'vda-2')],
    ],
    [
      '4: where a disk of one image lost it',
      { ...freshDomain(disk('vda', chain('vda', [[]]))), checkpoints: madeOn('vda-active') },
      of('a'),
      [impossible('a', 'no-backing', 'vda-active')],
    ],
    [
      '5: where what is left of it is busy',
      withBitmap(layered, 0, 'a', busy),
      of('a'),
      [{ code: 'bitmap-busy', ...atStorage, bitmap: 'a' }],
    ],
    [
      '5: where a layer cannot be opened for writing',
      withLayer(lostBelow, 1, { fileNodeName: '#block7' }),
      of('a'),
      [{ code: 'node-not-reopenable', ...reopened, missing: 'file-node' }],
    ],
    [
      '6: where a layer cannot store it',
      withLayer(lost, 0, { qcow2Version: 2 }),
      of('a'),
      [{ code: 'qcow2-version-unsupported', ...atStorage }],
    ],
    [
      '7: of a checkpoint that is called like what is temporary',
      {
        ...layered,
        checkpoints: only('x', tmp),
        disks: [disk('vda', [active, { ...middle, bitmaps: [bitmap(tmp)] }, base])],
      },
      of('x'),
      [{ code: 'bitmap-claimed', diskTarget: 'vda', bitmap: tmp, checkpoint: 'x' }],
    ],
    [
      '7: where a layer that lacks it has a stored bitmap of the temporary name',
      withLayer(layered, 0, { bitmaps: [bitmap(tmp)] }),
      of('a'),
      [{ ...inTheWay, inconsistent: false }],
    ],
    [
      '7: where a node has the temporary name',
      { ...lost, disks: [...lost.disks, disk('vdb', [node(`${tmp}-0`)])] },
      of('a'),
      [{ code: 'node-name-taken', nodeName: `${tmp}-0` }],
    ],
    [
      '7: where a protocol layer has it',
      { ...lost, otherNodes: [node('mirror', { fileNodeName: `${tmp}-0` })] },
      of('a'),
      [{ code: 'node-name-taken', nodeName: `${tmp}-0` }],
    ],
  ];

  it.each(refusals)('%s', (_, given, request, problems) => {
    expect(detailsOf(checkRescueCheckpoint(given, request))).toEqual(problems);
    expect(detailsOf(refusal(() => planRescueCheckpoint(given, request)))).toEqual(problems);
  });

  it.each([undefined, {}, 5])('where the request is %s', (request) => {
    expect(refusal(() => checkRescueCheckpoint(domain(), request as unknown as RescueRequest)).length).toBe(1);
  });
});

describe('a rescue is not refused', () => {
  it.each<[string, Domain, RescueRequest]>([
    [
      '2: where its layer is not known, if the lowest that has the bitmap has it in good order',
      withBitmap(layeredSomewhere, 0, 'a', undefined),
      of('a'),
    ],
    [
      '2: for a namesake below the layer it was made on',
      withBitmap(withBitmap(layered, 0, 'b', undefined), 2, 'a', { name: 'b', busy: true }),
      of('b'),
    ],
    ['3: for a layer that has it in good order and is busy', withBitmap(lost, 1, 'a', { busy: true }), of('a')],
    ['4: for a base that has it', lost, of('a')],
    [
      '5: for a read-only layer that has it and could not be opened',
      withLayer(lost, 1, { fileReadOnly: true }),
      of('a'),
    ],
    ['6: for what is left of it, which goes', withBitmap(layered, 0, 'a', inconsistent), of('a')],
    ['6: for a read-only layer, which is opened', lostBelow, of('a')],
    [
      '7: for a stored bitmap of the temporary name on a layer that lacks nothing',
      withLayer(lost, 1, { bitmaps: [bitmap(tmp), ...middle.bitmaps] }),
      of('a'),
    ],
    [
      '7: for a temporary bitmap, which a rescue has left',
      withLayer(layered, 0, { bitmaps: [bitmap(tmp, { persistent: false })] }),
      of('a'),
    ],
    [
      '7: for a node of the temporary name that is no layer, which a rescue has left',
      { ...lost, otherNodes: [node(`${tmp}-0`)] },
      of('a'),
    ],
  ])('%s', (_, given, request) => {
    expect(codesOf(checkRescueCheckpoint(given, request))).toEqual([]);
    expect(planRescueCheckpoint(given, request).steps.length).toBeGreaterThan(0);
  });
});

describe('it is told that', () => {
  const heals = (topNodeName: string, nodeName: string) => [
    { code: 'commit-heals', diskTarget: 'vda', checkpoint: 'a', topNodeName, nodeName },
  ];
  const more = [{ code: 'rescue-holds-more', diskTarget: 'vda', checkpoint: 'b', nodeName: 'vda-1' }];
  it.each<[string, Domain, RescueRequest, readonly object[]]>([
    ['8: a commit of the active layer would do', lost, of('a'), heals('vda-active', 'vda-1')],
    ['8: a commit of a layer below it would do', lostBelow, of('a'), heals('vda-1', 'vda-2')],
    [
      '8: a commit of all down to the lowest that lacks it would do',
      withBitmap(lostBelow, 0, 'a', inconsistent),
      of('a'),
      heals('vda-active', 'vda-2'),
    ],
    ['nothing, where nothing is lacking', layered, of('a'), []],
    [
      '9: the layer it was made on is filled, which may be older',
      withBitmap(withBitmap(layered, 0, 'b', undefined), 1, 'b', inconsistent),
      of('b'),
      more,
    ],
  ])('%s', (_, given, request, warnings) => {
    expect(detailsOf(planRescueCheckpoint(given, request).warnings ?? [])).toEqual(warnings);
  });
});
