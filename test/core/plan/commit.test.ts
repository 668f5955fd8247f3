import { describe, expect, it } from 'vitest';
import { type CommitRequest, checkCommit } from '../../../src/core/check/commit.js';
import { planCommit } from '../../../src/core/plan/commit.js';
import { type BlockNode, checkBitmapChain, type Domain } from '../../../src/index.js';
import { bitmap, checkpoint, disk, domain, freshDomain, GiB, node, tree } from '../../support/builders.js';
import { expectPlanLaws } from '../../support/expect-plan.js';
import {
  inconsistent,
  layered,
  layeredSomewhere,
  layers,
  madeOn,
  origins,
  spell,
  withBitmap,
  withLayer,
} from '../../support/layers.js';
import { startQemu } from '../../support/model.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const of = (topNodeName: string, baseNodeName: string, endCheckpoints?: boolean): CommitRequest => ({
  diskTarget: 'vda',
  topNodeName,
  baseNodeName,
  ...(endCheckpoints !== undefined && { endCheckpoints }),
});
const toMiddle = of('vda-active', 'vda-1');
const toBase = of('vda-active', 'vda-2');
const below = of('vda-1', 'vda-2');
const commit = (request: CommitRequest) => (given: Domain) => planCommit(given, request);

describe('planCommit from the active layer', () => {
  it('adds what the base lacks with all it holds, lets the job end, merges once more, looks, and closes', () => {
    const plan = expectPlanLaws(layered, commit(toMiddle));
    expect(spell(plan)).toEqual([
      'start checkpoint-commit-vda-vda-active-vda-1',
      'wait until ready',
      [
        'merge a on vda-1 from vda-active',
        'merge b on vda-1 from vda-active',
        'add c on vda-1 by 65536',
        'merge c on vda-1 from vda-active',
      ],
      'complete',
      'wait until concluded',
      ['merge a on vda-1 from vda-active', 'merge b on vda-1 from vda-active', 'merge c on vda-1 from vda-active'],
      'expect c b a on vda-1',
      'remove vda-active',
      'remove vda-active-file',
      'dismiss',
    ]);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-1', 'c on vda-1']);
    expect(plan.next.disks[0]).toMatchObject({
      sourcePath: '/images/vda-1.qcow2',
      backingChain: [{ nodeName: 'vda-1', readOnly: false }, { nodeName: 'vda-2' }],
    });
    expect(plan.next.otherNodes).toBeUndefined();
    expect(plan.warnings).toBeUndefined();
  });

  it('merges from every layer between, each bitmap no lower than it was made', () => {
    const plan = expectPlanLaws(layered, commit(toBase));
    expect(spell(plan)[2]).toEqual([
      'merge a on vda-2 from vda-active vda-1',
      'add b on vda-2 by 65536',
      'merge b on vda-2 from vda-active vda-1',
      'add c on vda-2 by 65536',
      'merge c on vda-2 from vda-active',
    ]);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-2', 'c on vda-2']);
    expect(plan.next.disks[0]?.backingChain.map(({ bitmaps }) => bitmaps.map(({ name }) => name))).toEqual([
      ['c', 'b', 'a'],
    ]);
  });

  it('ends the job and takes back what it added, until the job is let go; from then on nothing is put back', () => {
    const { steps } = planCommit(layered, toMiddle);
    const [job] = steps.flatMap(({ command }) => ('job' in command ? [command.job] : []));
    const above = { fileNodeName: 'vda-1-file', backingNodeName: 'vda-2' };
    const closing = { kind: 'node-reopen', nodeName: 'vda-1', format: 'qcow2', readOnly: true, ...above };
    expect(steps.map(({ undo, pointOfNoReturn }) => undo ?? pointOfNoReturn)).toEqual([
      { kind: 'job-cancel', job, closing },
      undefined,
      { kind: 'transaction', actions: [{ kind: 'bitmap-remove', nodeName: 'vda-1', bitmap: 'c' }] },
      true,
      ...Array.from({ length: 6 }, () => undefined),
    ]);
  });

  it.each<[string, Partial<BlockNode>]>([
    ['was open for writing', { readOnly: false }],
    ['has a name that QEMU made up', { nodeName: '#block1' }],
    ['stands on a protocol layer without a name', { fileNodeName: '#block2' }],
  ])('leaves a base as it is when the job is ended that %s', (_, change) => {
    const given = withLayer(layered, 1, change);
    const { steps } = planCommit(given, { ...toMiddle, baseNodeName: change.nodeName ?? 'vda-1' });
    expect(steps[0]?.undo).not.toHaveProperty('closing');
  });

  it('says what the job is, on every action about it', () => {
    const job = {
      kind: 'commit',
      jobId: 'checkpoint-commit-vda-vda-active-vda-2',
      diskTarget: 'vda',
      activeNodeName: 'vda-active',
      topNodeName: 'vda-active',
      baseNodeName: 'vda-2',
    };
    const about = planCommit(layered, toBase).steps.flatMap(({ command }) => ('job' in command ? [command.job] : []));
    expect(about).toEqual([job, job, job, job, job]);
  });

  it('sends no transaction where there is nothing to carry over', () => {
    const bare = freshDomain(
      disk(
        'vda',
        layers.map((layer) => ({ ...layer, bitmaps: [] })),
      ),
    );
    expect(spell(expectPlanLaws(bare, commit(toMiddle)))).toEqual([
      'start checkpoint-commit-vda-vda-active-vda-1',
      'wait until ready',
      'complete',
      'wait until concluded',
      'remove vda-active',
      'remove vda-active-file',
      'dismiss',
    ]);
  });

  it('leaves bitmaps alone that only the base has', () => {
    const own = withLayer(layered, 1, { bitmaps: [bitmap('own'), ...(layers[1] as BlockNode).bitmaps] });
    const { next } = expectPlanLaws(own, commit(toMiddle), { healed: ['own'] });
    expect(next.disks[0]?.backingChain[0]?.bitmaps.map(({ name }) => name)).toEqual(['c', 'own', 'b', 'a']);
  });

  it('takes the granularity of the topmost source, and leaves it to QEMU where that is not known', () => {
    const fine = withBitmap(withBitmap(layered, 0, 'b', { granularity: 4096 }), 1, 'b', { granularity: 2 ** 20 });
    const other = withBitmap(fine, 0, 'c', { granularity: 0, dirtyBytes: 0 });
    expect(spell(planCommit(other, toBase))[2]).toEqual(
      expect.arrayContaining(['add b on vda-2 by 4096', 'add c on vda-2']),
    );
  });

  it('heals: a bitmap that was lost above and that the base has in good order records what is committed', () => {
    const lost = withBitmap(layered, 0, 'a', undefined);
    expect(checkBitmapChain(lost.disks[0]?.backingChain ?? [], 'a')).not.toEqual([]);
    const plan = expectPlanLaws(lost, commit(toBase), { healed: ['a'] });
    expect(spell(plan)[2]).toContain('merge a on vda-2 from vda-1');
    expect(checkBitmapChain(plan.next.disks[0]?.backingChain ?? [], 'a', { madeOn: '/images/vda-2.qcow2' })).toEqual(
      [],
    );
    expect(plan.warnings).toBeUndefined();
  });

  it('merges into it only from layers that have it in good order: QEMU refuses the others', () => {
    const plan = expectPlanLaws(withBitmap(layered, 0, 'a', inconsistent), commit(toBase), { healed: ['a'] });
    expect(spell(plan)[2]).toContain('merge a on vda-2 from vda-1');
  });

  it('leaves behind what cannot be used, and says so', () => {
    const plan = expectPlanLaws(withBitmap(layered, 0, 'c', inconsistent), commit(toMiddle));
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-inconsistent']);
    expect(JSON.stringify(plan.steps)).not.toContain('"c"');
    // It does not pass for one that was made on the base.
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-1', 'c on vda-active']);
  });

  it('looks no lower than where a bitmap was made: a namesake below is another’s', () => {
    const [active, middle, base] = layers as [BlockNode, BlockNode, BlockNode];
    const stale = { ...base, bitmaps: [bitmap('c', { recording: false }), ...base.bitmaps] };
    const given = { ...layered, disks: [disk('vda', [active, middle, stale])] };
    expect(spell(expectPlanLaws(given, commit(toMiddle)))[2]).toContain('merge c on vda-1 from vda-active');
    // Without that knowledge it cannot be used.
    const somewhere = { ...given, checkpoints: layeredSomewhere.checkpoints };
    expect(codesOf(planCommit(somewhere, toMiddle).warnings ?? [])).toEqual(['bitmap-gap', 'bitmap-not-recording']);
  });

  it('keeps a bitmap that two checkpoints name for both', () => {
    const two = {
      ...layered,
      checkpoints: tree([
        checkpoint('x', { disks: [{ diskTarget: 'vda', bitmap: 'b', madeOn: '/images/vda-1.qcow2' }] }),
        checkpoint('y', { disks: [{ diskTarget: 'vda', bitmap: 'b', madeOn: '/images/vda-active.qcow2' }] }),
        checkpoint('z', { disks: [{ diskTarget: 'vdb', bitmap: 'b', madeOn: '/images/vda-active.qcow2' }] }),
      ]),
    };
    const plan = expectPlanLaws(two, commit(toBase));
    expect(plan.next.checkpoints.checkpoints.map(({ disks }) => disks[0]?.madeOn)).toEqual([
      '/images/vda-2.qcow2',
      '/images/vda-2.qcow2',
      '/images/vda-active.qcow2',
    ]);
  });

  it('lets a base grow that is smaller, and relies on what it records where sizes keep QEMU from merging', () => {
    const grown = withLayer(layered, 0, { virtualSize: 2 * GiB });
    const plan = planCommit(grown, toMiddle);
    const qemu = startQemu(grown);
    for (const { command } of plan.steps) qemu.execute(command);
    expect(qemu.observe(plan.next).disks[0]?.backingChain[0]?.virtualSize).toBe(2 * GiB);
    expect(plan.next.disks[0]?.backingChain[0]?.virtualSize).toBe(2 * GiB);
    const onBase = withBitmap(withBitmap(grown, 0, 'b', undefined), 1, 'b', undefined);
    expect(spell(planCommit(onBase, toBase))[2]).toContain('merge a on vda-2 from vda-active');
  });

  it('says of a base without a file name no more than it knows', () => {
    const { filename: _, ...nameless } = layers[1] as BlockNode;
    const given = { ...layered, disks: [disk('vda', [layers[0] as BlockNode, nameless, layers[2] as BlockNode])] };
    expect(origins(planCommit(given, toMiddle).next)).toEqual(['a on vda-2', 'b on vda-1', 'c on somewhere']);
  });

  it('leaves nodes alone that another disk stands on, or that QEMU named itself', () => {
    const [active, middle, base] = layers as [BlockNode, BlockNode, BlockNode];
    const other = disk('vdb', [node('vdb-active', { fileNodeName: 'vda-1-file' })]);
    const given = { ...layered, disks: [disk('vda', [active, middle, base]), other] };
    expect(spell(planCommit(given, toBase))).not.toContain('remove vda-1-file');
    const named = {
      ...layered,
      disks: [disk('vda', [active, { ...middle, nodeName: '#block1', fileNodeName: '#block2' }, base])],
    };
    expect(spell(expectPlanLaws(named, commit(toBase))).slice(-4)).toEqual([
      'expect c b a on vda-2',
      'remove vda-active',
      'remove vda-active-file',
      'dismiss',
    ]);
    const { fileNodeName: _, ...unknown } = active;
    const inline = { ...layered, disks: [disk('vda', [unknown, middle, base])] };
    expect(spell(planCommit(inline, toMiddle)).slice(-2)).toEqual(['remove vda-active', 'dismiss']);
  });

  it('takes an active layer that QEMU named itself where nothing of it is needed after the job', () => {
    const [active, middle, base] = layers as [BlockNode, BlockNode, BlockNode];
    const bare = { ...active, nodeName: '#block1', bitmaps: [] };
    const given = { ...freshDomain(disk('vda', [bare, middle, base])) };
    const plan = expectPlanLaws(given, commit(of('#block1', 'vda-1')), { healed: ['a', 'b'] });
    expect(spell(plan)).toEqual([
      'start checkpoint-commit-vda-.block1-vda-1',
      'wait until ready',
      'complete',
      'wait until concluded',
      'dismiss',
    ]);
    expect(plan.next.otherNodes).toBeUndefined();
  });
});

describe('planCommit below the active layer', () => {
  it('adds and merges while the job waits before its end: afterwards the base cannot be written to', () => {
    const plan = expectPlanLaws(layered, commit(below));
    expect(spell(plan)).toEqual([
      'start checkpoint-commit-vda-vda-1-vda-2',
      'wait until pending',
      ['merge a on vda-2 from vda-1', 'add b on vda-2 by 65536', 'merge b on vda-2 from vda-1'],
      'finalize',
      'wait until concluded',
      'expect b a on vda-2',
      'dismiss',
      'remove vda-1',
      'remove vda-1-file',
    ]);
    expect(origins(plan.next)).toEqual(['a on vda-2', 'b on vda-2', 'c on vda-active']);
    expect(
      plan.next.disks[0]?.backingChain.map(({ nodeName, backingFilename }) => [nodeName, backingFilename]),
    ).toEqual([
      ['vda-active', '/images/vda-2.qcow2'],
      ['vda-2', undefined],
    ]);
  });

  it('carries what can be used from the top down, whatever is wrong above: so that it can still be rescued', () => {
    const plan = expectPlanLaws(withBitmap(layered, 0, 'b', undefined), commit(below));
    expect(spell(plan)[2]).toContain('add b on vda-2 by 65536');
  });

  it('heals a layer between, too', () => {
    const plan = expectPlanLaws(withBitmap(layered, 1, 'a', undefined), commit(below), { healed: ['a'] });
    expect(spell(plan)[2]).toEqual(['add b on vda-2 by 65536', 'merge b on vda-2 from vda-1']);
    expect(plan.warnings).toBeUndefined();
  });

  it('does not care for a namesake of what was made above', () => {
    const stale = withLayer(layered, 1, { bitmaps: [bitmap('c', inconsistent), ...(layers[1] as BlockNode).bitmaps] });
    const plan = expectPlanLaws(stale, commit(below), { healed: ['c'] });
    expect(plan.warnings).toBeUndefined();
    expect(spell(plan)[2]).not.toContain('merge c on vda-2 from vda-1');
  });

  it('refuses what would make a bitmap seem good that is not, unless it may end', () => {
    const given = withBitmap(layeredSomewhere, 1, 'b', inconsistent);
    const ending = { diskTarget: 'vda', bitmap: 'b', checkpoint: 'b', nodeName: 'vda-1', reason: 'unusable' };
    expect(detailsOf(checkCommit(given, below))).toEqual([{ code: 'bitmap-ends', ...ending }]);
    const plan = expectPlanLaws(given, commit({ ...below, endCheckpoints: true }));
    expect(spell(plan)[0]).toEqual(['remove b on vda-active']);
    expect(plan.steps[0]).toMatchObject({ irreversible: true });
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-ends']);
    expect(origins(plan.next)).toEqual(['a on somewhere', 'c on somewhere']);
  });
});

describe('a base that cannot store bitmaps', () => {
  const raw: Domain = {
    ...layered,
    disks: [disk('vda', [...layers.slice(0, 2), node('vda-2', { format: 'raw', readOnly: true })])],
    checkpoints: madeOn('vda-1', 'vda-1', 'vda-active'),
  };

  it.each([
    ['raw', raw],
    ['qcow2 of version 2', withLayer(raw, 2, { format: 'qcow2', qcow2Version: 2 as const })],
  ])('ends the checkpoints: %s; each is told before anything is sent', (_, given) => {
    expect(
      checkCommit(given, toBase).map(({ code, ...rest }) => [code, 'checkpoint' in rest && rest.checkpoint]),
    ).toEqual([
      ['bitmap-ends', 'c'],
      ['bitmap-ends', 'b'],
      ['bitmap-ends', 'a'],
    ]);
    const plan = expectPlanLaws(given, commit({ ...toBase, endCheckpoints: true }));
    expect(codesOf(plan.warnings ?? [])).toEqual(['bitmap-ends', 'bitmap-ends', 'bitmap-ends']);
    expect(plan.next.checkpoints).toEqual({ checkpoints: [] });
    expect(spell(plan).flat().join()).not.toMatch(/merge|add|expect/);
  });

  it('ends below the active layer only what was made below, and removes first what would be left of it', () => {
    const { filename: file } = layers[0] as BlockNode;
    const four = {
      ...raw,
      disks: [
        disk('vda', [
          { ...(layers[0] as BlockNode), nodeName: 'top' },
          { ...(layers[0] as BlockNode), readOnly: true, filename: '/images/m.qcow2' },
          ...(raw.disks[0]?.backingChain.slice(1) ?? []),
        ]),
      ],
    };
    expect(file).toBeDefined();
    expect(detailsOf(checkCommit(four, of('vda-1', 'vda-2')))).toEqual([
      {
        code: 'bitmap-ends',
        diskTarget: 'vda',
        bitmap: 'b',
        checkpoint: 'b',
        nodeName: 'vda-2',
        reason: 'cannot-store',
      },
      {
        code: 'bitmap-ends',
        diskTarget: 'vda',
        bitmap: 'a',
        checkpoint: 'a',
        nodeName: 'vda-2',
        reason: 'cannot-store',
      },
    ]);
    const plan = expectPlanLaws(four, commit(of('vda-1', 'vda-2', true)));
    expect(spell(plan).slice(0, 3)).toEqual([
      'open vda-active for writing',
      ['remove b on top', 'remove b on vda-active', 'remove a on top', 'remove a on vda-active'],
      'close vda-active for writing',
    ]);
    expect(origins(plan.next)).toEqual(['c on vda-active']);
  });

  it('takes a disk out of a checkpoint that has others, and tells of bitmaps that no checkpoint names', () => {
    const both = tree([
      checkpoint('a', { disks: ['vda', 'vdb'] }),
      checkpoint('none', { disks: [{ diskTarget: 'vda' }] }),
    ]);
    const given = { ...raw, disks: [...raw.disks, disk('vdb', [node('vdb', { bitmaps: ['a'] })])], checkpoints: both };
    const plan = expectPlanLaws(given, commit({ ...toBase, endCheckpoints: true }));
    expect(plan.warnings?.map((warning) => ('checkpoint' in warning ? warning.checkpoint : 'nobody'))).toEqual([
      'nobody',
      'nobody',
      'a',
    ]);
    expect(plan.next.checkpoints.checkpoints.map(({ name, disks }) => [name, disks])).toEqual([
      ['a', [{ diskTarget: 'vda' }, { diskTarget: 'vdb', bitmap: 'a' }]],
      ['none', [{ diskTarget: 'vda' }]],
    ]);
  });

  it('does not keep a disk from being committed that has no bitmaps', () => {
    const bare = freshDomain(
      disk(
        'vda',
        (raw.disks[0]?.backingChain ?? []).map((layer) => ({ ...layer, bitmaps: [] })),
      ),
    );
    expect(checkCommit(bare, toBase)).toEqual([]);
  });
});

describe('a commit is refused', () => {
  const shared = disk('vdb', [node('vdb'), { ...(layers[2] as BlockNode), nodeName: 'another' }]);
  const refusals: [string, CommitRequest, readonly string[], Domain?][] = [
    ['of a disk that is not there', { ...toMiddle, diskTarget: 'vdz' }, ['disk-not-found']],
    ['of a disk without a medium', toMiddle, ['disk-empty'], freshDomain(disk('vda', []))],
    ['of layers that are not there', of('x', 'y'), ['layer-not-found', 'layer-not-found']],
    ['upwards', of('vda-2', 'vda-active'), ['layer-not-below']],
    ['into itself', of('vda-1', 'vda-1'), ['layer-not-below']],
    [
      'where another disk stands on the base',
      toBase,
      ['layer-shared'],
      { ...layered, disks: [...layered.disks, shared] },
    ],
    ['where a bitmap that goes is busy', toMiddle, ['bitmap-busy'], withBitmap(layered, 0, 'b', { busy: true })],
    ['where one of the base is', toBase, ['bitmap-busy'], withBitmap(layered, 2, 'a', { busy: true })],
    [
      'where the base has a bad namesake of what it lacks',
      toMiddle,
      ['bitmap-exists'],
      withLayer(layered, 1, { bitmaps: [bitmap('c', inconsistent), ...(layers[1] as BlockNode).bitmaps] }),
    ],
    [
      'where the sizes keep QEMU from merging',
      toBase,
      ['bitmap-ends', 'bitmap-ends'],
      withLayer(layered, 0, { virtualSize: GiB / 2 }),
    ],
    [
      'where QEMU named the active layer itself, whose bitmaps go with the job',
      of('#block1', 'vda-1'),
      ['layer-unnamed', 'layer-unnamed', 'layer-unnamed'],
      withLayer(layered, 0, { nodeName: '#block1' }),
    ],
    [
      'where what is left of one that may end cannot be removed',
      { ...below, endCheckpoints: true },
      ['bitmap-busy'],
      withBitmap(withBitmap(layeredSomewhere, 1, 'b', inconsistent), 0, 'b', { busy: true }),
    ],
  ];

  it.each(refusals)('%s', (_, request, codes, given = layered) => {
    expect(codesOf(checkCommit(given, request))).toEqual(codes);
    expect(codesOf(refusal(() => planCommit(given, request)))).toEqual(codes);
  });

  it.each([undefined, {}, 5])('where the request is %s', (request) => {
    expect(refusal(() => planCommit(domain(), request as unknown as CommitRequest)).length).toBeGreaterThan(0);
  });
});
