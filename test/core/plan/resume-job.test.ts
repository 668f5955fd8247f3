import { describe, expect, it } from 'vitest';
import type { PendingChainChange } from '../../../src/core/model/pending-chain-change.js';
import { planCommit } from '../../../src/core/plan/commit.js';
import { planCopy } from '../../../src/core/plan/copy.js';
import { pendingChainChangeOf } from '../../../src/core/plan/pending-chain-change.js';
import { planPull } from '../../../src/core/plan/pull.js';
import { planRescueCheckpoint } from '../../../src/core/plan/rescue-checkpoint.js';
import { planResumeJob } from '../../../src/core/plan/resume-job.js';
import { planTakeSnapshot } from '../../../src/core/plan/take-snapshot.js';
import type { Bitmap, BlockNode, Domain, JobState, Plan } from '../../../src/index.js';
import { bitmap, disk, node } from '../../support/builders.js';
import { imageOf, inconsistent, layered, layers, origins, spell, withBitmap, withLayer } from '../../support/layers.js';
import { type Qemu, startQemu } from '../../support/model.js';
import { codesOf, refusal } from '../../support/refusal.js';
import { dieAndResume } from '../../support/resume.js';

const mirror = { nodeName: 'copy', filename: imageOf('copy') };
const commit = (topNodeName: string, baseNodeName: string) =>
  planCommit(layered, { diskTarget: 'vda', topNodeName, baseNodeName });

const toNext = commit('vda-active', 'vda-1');
const copy = planCopy(layered, { diskTarget: 'vda', mirror });
const snapshot = planTakeSnapshot(layered, { disks: [{ diskTarget: 'vda', overlay: mirror }] });

const commitId = 'checkpoint-commit-vda-vda-active-vda-1';
const copyId = 'checkpoint-copy-vda-vda-active-copy';

const changes: readonly (readonly [string, Plan])[] = [
  ['an active commit into the next layer', toNext],
  ['an active commit into the base', commit('vda-active', 'vda-2')],
  ['a commit below the active layer', commit('vda-1', 'vda-2')],
  ['a copy of all layers', copy],
  ['a copy of the active layer', planCopy(layered, { diskTarget: 'vda', mirror, shallow: true })],
  ['a pull down to the base', planPull(layered, { diskTarget: 'vda', baseNodeName: 'vda-2' })],
  ['a pull of everything', planPull(layered, { diskTarget: 'vda' })],
  ['a snapshot', snapshot],
];

describe.each(changes)('planResumeJob after %s', (_, plan) => {
  const moments = Array.from({ length: plan.steps.length + 1 }, (__, steps) => steps);

  it.each(moments)('whose process died after %i steps brings it to one of its two ends', (steps) => {
    const { domain, qemu } = dieAndResume(layered, plan, steps);
    expectAnEnd(domain, qemu.fileNodes(), plan);
  });

  it.each(moments)('whose process died after %i steps does so though it dies again at any step', (steps) => {
    for (let again = 0; again < 8; again += 1) {
      const { domain, qemu } = dieAndResume(layered, plan, steps, { diesAgainAfter: again });
      expectAnEnd(domain, qemu.fileNodes(), plan);
    }
  });
});

// A pull that has ended is dismissed before anyone looks, and a snapshot has no job.
const withJob = changes.filter(([what]) => !what.includes('pull') && !what.includes('snapshot'));

describe.each(withJob)('planResumeJob after %s, of which only the job is there to tell', (_, plan) => {
  const started = plan.steps.findIndex(({ command }) => command.kind === 'job-start' && command.job.kind !== 'create');
  const closing = plan.steps.findIndex(
    ({ command: { kind } }, place) => place > started && (kind === 'node-remove' || kind === 'job-dismiss'),
  );
  const moments = Array.from({ length: closing - started }, (__, place) => started + 1 + place);

  it.each(moments)('as long as no layer was closed is whole too, after %i steps', (steps) => {
    const { domain, qemu } = dieAndResume(layered, plan, steps, { withoutNote: true });
    expectAnEnd(domain, qemu.fileNodes(), plan);
  });
});

const ending = withBitmap(layered, 1, 'a', inconsistent);
const pullThatEnds = planPull(ending, { diskTarget: 'vda', baseNodeName: 'vda-2', endCheckpoints: true });
const started = pullThatEnds.steps.findIndex(({ command }) => command.kind === 'job-start');

describe('planResumeJob after a pull that ends a checkpoint', () => {
  it.each(pullThatEnds.steps.slice(started).map((_, place) => started + 1 + place))(
    'whose process died after %i steps ends it, and no other',
    (steps) => {
      const { domain } = dieAndResume(ending, pullThatEnds, steps);
      expect(origins(domain)).toEqual(['b on vda-active', 'c on vda-active']);
      expect(bitmapsOf(domain)).toEqual(bitmapsOf(pullThatEnds.next));
    },
  );

  it('removes what is left of that one before it waits, where it still is', () => {
    const qemu = startQemu(ending);
    for (const { command } of pullThatEnds.steps.slice(started, started + 1)) qemu.execute(command);
    const jobs = [{ id: qemu.jobs()[0]?.jobId ?? '', status: 'running' }];
    const note = pendingChainChangeOf(ending, pullThatEnds) as PendingChainChange;
    expect(spell(planResumeJob(qemu.observe(ending), jobs, [note])).slice(0, 2)).toEqual([
      ['remove a on vda-active'],
      'wait until concluded',
    ]);
  });
});

const lost = withBitmap(withBitmap(layered, 0, 'a', undefined), 1, 'a', undefined);
const rescue = planRescueCheckpoint(lost, { diskTarget: 'vda', checkpoint: 'a' });
const momentsOfRescue = Array.from({ length: rescue.steps.length + 1 }, (_, steps) => steps);

describe('planResumeJob after a rescue of two layers', () => {
  it.each(momentsOfRescue)('whose process died after %i steps removes what it left, dies it again or not', (steps) => {
    for (const diesAgainAfter of [undefined, 0, 1, 2, 3, 4, 5, 6]) {
      const again = diesAgainAfter === undefined ? {} : { diesAgainAfter };
      const { domain, qemu, verdicts } = dieAndResume(lost, rescue, steps, { healed: ['a'], ...again });
      expect(verdicts).toEqual([]);
      expect(layersOf(domain)).toBe(layersOf(lost));
      const isWhole = steps > rescue.steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn);
      expect(bitmapsOf(domain)).toEqual(bitmapsOf(isWhole ? rescue.next : lost));
      expect(domain.otherNodes).toBeUndefined();
      expect([...qemu.fileNodes()].sort()).toEqual(layers.map(({ fileNodeName }) => fileNodeName).sort());
    }
  });

  it('whose layer was left open for writing makes it read-only again, before the node that tells of it is closed', () => {
    const qemu = startQemu(lost);
    const added = rescue.steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn);
    for (const { command } of rescue.steps.slice(0, added + 1)) qemu.execute(command);
    const seen = qemu.observe(lost);
    expect(spell(planResumeJob(seen, []))).toEqual([
      'close vda-1 for writing',
      'remove checkpoint-tmp-fill-0',
      'remove checkpoint-tmp-fill-1',
    ]);
  });

  it.each<[string, Partial<BlockNode>]>([
    ['on a protocol layer whose name is not known', { fileNodeName: '#block1' }],
    ['that is read-only', { readOnly: true }],
  ])('leaves a layer alone %s', (_, change) => {
    const target = node('checkpoint-tmp-fill-0', { format: 'raw', bitmaps: [bitmap('vda-1'), bitmap('vda-active')] });
    const left = { ...withLayer(layered, 1, { readOnly: false, ...change }), otherNodes: [target] };
    expect(spell(planResumeJob(left, []))).toEqual(['remove checkpoint-tmp-fill-0']);
  });

  it('ends its jobs by their ids, and none of others', () => {
    const jobs = ['checkpoint-fill-vdz-gone', 'checkpoint-filler', 'backup'].map((id) => ({ id, status: 'running' }));
    const { steps } = planResumeJob(layered, jobs);
    expect(steps.map(({ command }) => 'job' in command && command.job.jobId)).toEqual(['checkpoint-fill-vdz-gone']);
  });
});

describe('planResumeJob', () => {
  it.each<[string, Plan, number, string]>([
    ['not begun', toNext, 0, 'take-back'],
    ['that runs', toNext, 1, 'go-on'],
    ['whose bitmaps were added', toNext, 3, 'go-on'],
    ['that was completed', toNext, 5, 'finish'],
    ['whose layers were closed', toNext, 9, 'finish'],
    ['that was forgotten', toNext, 10, 'finish'],
    ['not begun', copy, 0, 'take-back'],
    ['whose mirror is there', copy, 8, 'take-back'],
    ['that runs', copy, 9, 'go-on'],
    ['that was completed', copy, 13, 'finish'],
    ['not begun', snapshot, 0, 'take-back'],
    ['whose overlay is there', snapshot, 8, 'take-back'],
    ['that was taken', snapshot, 9, 'finish'],
  ])('says of a change %s what becomes of it, row %#', (_, plan, steps, verdict) => {
    expect(dieAndResume(layered, plan, steps).verdicts).toEqual([verdict]);
  });

  const merge = ['a', 'b', 'c'].map((name) => `merge ${name} on vda-1 from vda-active`);
  it.each<[string, Plan, number, readonly (string | readonly string[])[]]>([
    [
      'its layers have changed',
      toNext,
      5,
      [
        'wait until concluded',
        merge,
        'expect c b a on vda-1',
        'remove vda-active',
        'remove vda-active-file',
        'dismiss',
      ],
    ],
    [
      'its layer was closed',
      toNext,
      8,
      ['wait until concluded', 'remove vda-active', 'remove vda-active-file', 'dismiss'],
    ],
    [
      'one of its layers was closed',
      commit('vda-active', 'vda-2'),
      8,
      [
        'wait until concluded',
        'remove vda-active',
        'remove vda-active-file',
        'remove vda-1',
        'remove vda-1-file',
        'dismiss',
      ],
    ],
    ['its job was forgotten', toNext, 10, ['remove vda-active', 'remove vda-active-file']],
  ])('does what is left of an active commit, once %s', (_, plan, steps, left) => {
    const note = pendingChainChangeOf(layered, plan) as PendingChainChange;
    const qemu = startQemu(layered);
    for (const { command } of plan.steps.slice(0, steps)) qemu.execute(command);
    const jobs = qemu.jobs().map(({ jobId: id, ...rest }) => ({ id, ...rest }));
    expect(spell(planResumeJob(qemu.observe(layered), jobs, [note]))).toEqual(left);
  });

  it.each([1, 2, 3])(
    'takes a commit back whose job has failed after %i steps, and what it left on the base',
    (steps) => {
      const meanwhile = (qemu: Qemu) =>
        qemu.breakJob('checkpoint-commit-vda-vda-active-vda-1', 'No space left on device');
      for (const withoutNote of [false, true]) {
        const { domain, qemu, verdicts } = dieAndResume(layered, toNext, steps, { meanwhile, withoutNote });
        expect(verdicts).toEqual(['take-back']);
        expectAnEnd(domain, qemu.fileNodes(), toNext);
        expect(layersOf(domain)).toBe(layersOf(layered));
      }
    },
  );

  it.each(Array.from({ length: 23 }, (_, steps) => steps))(
    'leaves what can be used right where QEMU is killed after %i steps of a copy, and closes nothing else',
    (steps) => {
      const { verdicts } = dieAndResume(layered, copy, steps, { meanwhile: (qemu) => qemu.crash() });
      expect(verdicts).toEqual([steps < 12 ? 'take-back' : 'finish']);
    },
  );

  it.each(Array.from({ length: 11 }, (_, steps) => steps))(
    'leaves what can be used right where QEMU is killed after %i steps of an active commit',
    (steps) => {
      const { verdicts } = dieAndResume(layered, toNext, steps, { meanwhile: (qemu) => qemu.crash() });
      expect(verdicts).toEqual([steps < 4 ? 'take-back' : 'finish']);
    },
  );

  it('makes the base of a commit read-only again that QEMU 7.2 has left open for writing', () => {
    const left = withLayer(layered, 1, { readOnly: false });
    const note = pendingChainChangeOf(layered, toNext) as PendingChainChange;
    expect(spell(planResumeJob(left, [], [note]))).toEqual(['close vda-1 for writing']);
  });

  it('closes such a base once, should a rescue have left it open too', () => {
    const target = node('checkpoint-tmp-fill-0', { format: 'raw', bitmaps: [bitmap('vda-1')] });
    const left = { ...withLayer(layered, 1, { readOnly: false }), otherNodes: [target] };
    const note = pendingChainChangeOf(layered, toNext) as PendingChainChange;
    expect(spell(planResumeJob(left, [], [note]))).toEqual(['close vda-1 for writing', 'remove checkpoint-tmp-fill-0']);
  });

  it('cancels what makes an image before it closes the nodes that this holds, and once', () => {
    const note = pendingChainChangeOf(layered, copy) as PendingChainChange;
    const jobs = [{ id: 'checkpoint-create-copy', status: 'running' }];
    expect(spell(planResumeJob(layered, jobs, [note]))).toEqual(['cancel', 'remove copy', 'remove copy-file']);
  });

  it('finds the job of a commit whose uppermost layer is closed by its id alone, and forgets it', () => {
    const { qemu, domain } = dieAndResume(layered, toNext, 8, { withoutNote: true });
    expect(qemu.jobs()).toEqual([]);
    expect(origins(domain)).toEqual(origins(layered));
  });

  it.each(['copy', 'shallow-copy'])('does so for a %s', (what) => {
    const jobs = [{ id: `checkpoint-${what}-vda-gone-vda-active`, status: 'concluded' }];
    expect(spell(planResumeJob(layered, jobs))).toEqual(['wait until concluded', 'remove gone', 'dismiss']);
  });

  it.each(['checkpoint-create-copy', 'checkpoint-create-copy-file'])('cancels job %s, which made an image', (id) => {
    expect(spell(planResumeJob(layered, [{ id, status: 'concluded' }]))).toEqual(['cancel']);
  });

  it.each([
    'job0',
    'drive-virtio-disk0',
    'checkpoint-commit-vda-a-b',
    'checkpoint-commit-vdb-vda-active-vda-1',
    'checkpoint-pull-vda-vda-1',
  ])('leaves job %s alone, which is not for layers that are there', (id) => {
    expect(planResumeJob(layered, [{ id, status: 'running' }])).toMatchObject({ steps: [], changes: [] });
  });

  it.each<[string, Domain, Plan]>([
    ['disk of a commit', { ...layered, disks: [] }, toNext],
    ['medium of a commit', { ...layered, disks: [disk('vda', [])] }, toNext],
    ['base of a commit', { ...layered, disks: [disk('vda', layers.slice(0, 1))] }, toNext],
    ['disk of a copy', { ...layered, disks: [] }, copy],
    ['disk of a snapshot', { ...layered, disks: [] }, snapshot],
    ['medium of a snapshot', { ...layered, disks: [disk('vda', [])] }, snapshot],
  ])('decides nothing where the %s is not there', (_, domain, plan) => {
    const pending = pendingChainChangeOf(layered, plan) as PendingChainChange;
    const { steps, changes, next } = planResumeJob(domain, [], [pending]);
    expect(steps).toEqual([]);
    expect(changes).toMatchObject([{ diskTarget: 'vda', verdict: 'undecided', pending }]);
    expect(next).toEqual(domain);
  });

  it.each<[string, Domain, Plan, JobState]>([
    ['ended well, and no layer has changed', layered, copy, { id: copyId, status: 'concluded' }],
    [
      'ended well, and the base can be written to',
      withLayer(layered, 1, { readOnly: false }),
      toNext,
      { id: commitId, status: 'concluded' },
    ],
    ['runs, and the layers have changed', toNext.next, toNext, { id: commitId, status: 'ready' }],
  ])(
    'decides nothing where the job %s: the disk may be mapped to a layer that the guest does not use',
    (_, seen, plan, job) => {
      const note = pendingChainChangeOf(layered, plan) as PendingChainChange;
      const there = { ...seen, otherNodes: [...(seen.otherNodes ?? []), ...(copy.next.disks[0]?.backingChain ?? [])] };
      const { steps, changes } = planResumeJob(there, [job], [note]);
      expect(steps).toEqual([]);
      expect(changes).toMatchObject([{ verdict: 'undecided', why: expect.stringContaining('contradict') }]);
    },
  );

  it('takes a commit back that somebody has cancelled, as its base shows, which is read-only again', () => {
    const note = pendingChainChangeOf(layered, toNext) as PendingChainChange;
    const { steps, changes } = planResumeJob(layered, [{ id: commitId, status: 'concluded' }], [note]);
    expect(spell({ steps } as unknown as Plan)).toEqual(['cancel']);
    expect(changes).toMatchObject([{ verdict: 'take-back' }]);
  });

  it('waits for a pull that runs, and closes what it leaves', () => {
    const running = [{ id: 'checkpoint-pull-vda-vda-active-vda-1-vda-2', status: 'running' }];
    expect(spell(planResumeJob(layered, running))).toEqual([
      'wait until concluded',
      'dismiss',
      'expect b a on vda-active',
      'remove vda-1',
      'remove vda-1-file',
    ]);
  });

  it('refuses to take back what something holds', () => {
    const note = pendingChainChangeOf(layered, toNext) as PendingChainChange;
    const [c] = layers[0]?.bitmaps ?? [];
    const left = withLayer(layered, 1, { bitmaps: [{ ...(c as Bitmap), busy: true }] });
    expect(codesOf(refusal(() => planResumeJob(left, [], [note])))).toEqual(['bitmap-busy']);
  });

  it('refuses to go on where something holds a bitmap that is to be carried over', () => {
    const running = [{ id: 'checkpoint-commit-vda-vda-active-vda-1', status: 'ready' }];
    const busy = withBitmap(layered, 0, 'c', { busy: true });
    expect(codesOf(refusal(() => planResumeJob(busy, running)))).toEqual(['bitmap-busy']);
  });
});

/** As planned, or as it was before; with nothing left behind. */
function expectAnEnd(domain: Domain, fileNodes: readonly string[], { next }: Plan): void {
  const isChanged = layersOf(domain) !== layersOf(layered);
  expect(layersOf(domain)).toBe(layersOf(isChanged ? next : layered));
  expect(origins(domain)).toEqual(origins(isChanged ? next : layered));
  expect(bitmapsOf(domain)).toEqual(bitmapsOf(isChanged ? next : layered));
  expect(domain.otherNodes).toBeUndefined();
  const used = domain.disks.flatMap(({ backingChain }) => backingChain.map(({ fileNodeName }) => fileNodeName));
  expect([...fileNodes].sort()).toEqual(used.sort());
}

function layersOf({ disks }: Domain): string {
  const [chain = []] = disks.map(({ backingChain }) => backingChain);
  return chain.map(({ nodeName, readOnly }) => `${nodeName} ${readOnly ? 'ro' : 'rw'}`).join(', ');
}

function bitmapsOf({ disks }: Domain): readonly string[] {
  return disks.flatMap(({ backingChain }) =>
    backingChain.flatMap(({ nodeName, bitmaps }) => bitmaps.map(({ name }) => `${name} on ${nodeName}`).sort()),
  );
}
