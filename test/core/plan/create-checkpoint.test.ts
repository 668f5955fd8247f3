import { describe, expect, it } from 'vitest';
import { applyStep, checkCreateCheckpoint, type Disk, planCreateCheckpoint } from '../../../src/index.js';
import { chain, checkpoint, disk, domain, freshDomain, line, node, now, without } from '../../support/builders.js';
import { expectPlan } from '../../support/expect-plan.js';
import { codesOf, refusal } from '../../support/refusal.js';

const add = (nodeName: string, bitmap: string, change: { readonly granularity?: number } = {}) =>
  ({ kind: 'bitmap-add', nodeName, bitmap, persistent: true, recording: true, ...change }) as const;
const remove = (nodeName: string, bitmap: string) => ({ kind: 'bitmap-remove', nodeName, bitmap }) as const;

const vda = disk('vda');
const vdb = disk('vdb');
const cdrom = disk('sda', []);
const iso = disk('sdb', chain('sdb', [[]]), { readOnly: true });

describe('planCreateCheckpoint', () => {
  it('adds one persistent, recording bitmap to the active layer, and makes the checkpoint current', () => {
    const { next } = expectPlan(
      domain(),
      (given) => planCreateCheckpoint(given, { name: 'wednesday', description: 'before the update' }, { now }),
      {
        steps: [
          {
            command: { kind: 'transaction', actions: [add('vda-active', 'wednesday')] },
            undo: { kind: 'transaction', actions: [remove('vda-active', 'wednesday')] },
          },
        ],
        checkpoints: {
          checkpoints: [
            ...line('monday', 'tuesday').checkpoints,
            {
              name: 'wednesday',
              description: 'before the update',
              parent: 'tuesday',
              creationTimeSeconds: now,
              disks: [{ diskTarget: 'vda', bitmap: 'wednesday', madeOn: '/images/vda-active.qcow2' }],
            },
          ],
          current: 'wednesday',
        },
      },
    );
    expect(next.disks[0]?.backingChain[0]?.bitmaps.map(({ name }) => name)).toEqual(['wednesday', 'tuesday', 'monday']);
  });

  it('puts all disks into one transaction, in the order of the domain whatever order they are asked for in', () => {
    const asked = { name: 'a', disks: [{ disk: 'vdb', granularity: 4096 }, { disk: '/images/vda-active.qcow2' }] };
    expectPlan(freshDomain(vda, cdrom, vdb), (given) => planCreateCheckpoint(given, asked, { now }), {
      steps: [
        {
          command: {
            kind: 'transaction',
            actions: [add('vda-active', 'a'), add('vdb-active', 'a', { granularity: 4096 })],
          },
          undo: { kind: 'transaction', actions: [remove('vda-active', 'a'), remove('vdb-active', 'a')] },
        },
      ],
      checkpoints: {
        checkpoints: [
          {
            name: 'a',
            creationTimeSeconds: now,
            disks: [
              { diskTarget: 'vda', bitmap: 'a', madeOn: '/images/vda-active.qcow2' },
              { diskTarget: 'sda' },
              { diskTarget: 'vdb', bitmap: 'a', madeOn: '/images/vdb-active.qcow2' },
            ],
          },
        ],
        current: 'a',
      },
    });
  });

  it('passes over read-only disks and those without a medium where no disk is asked for', () => {
    expectPlan(freshDomain(iso, vda, cdrom), (given) => planCreateCheckpoint(given, { name: 'a' }, { now }), {
      steps: [
        {
          command: { kind: 'transaction', actions: [add('vda-active', 'a')] },
          undo: { kind: 'transaction', actions: [remove('vda-active', 'a')] },
        },
      ],
    });
  });

  it('is called after the second it is made in unless it is given a name', () => {
    const { next } = planCreateCheckpoint(freshDomain(vda), {}, { now });
    expect(next.checkpoints).toMatchObject({
      current: '1700000000',
      checkpoints: [{ disks: [{ bitmap: '1700000000' }] }],
    });
  });

  it('gives a bitmap the name that is asked for', () => {
    const asked = { name: 'a', disks: [{ disk: 'vda', bitmap: 'été 1' }] };
    expectPlan(freshDomain(vda), (given) => planCreateCheckpoint(given, asked, { now }), {
      steps: [
        {
          command: { kind: 'transaction', actions: [add('vda-active', 'été 1')] },
          undo: { kind: 'transaction', actions: [remove('vda-active', 'été 1')] },
        },
      ],
    });
  });

  it.each([
    ['no disk takes part by request', { disks: [{ disk: 'vda', checkpoint: 'no' }] }, vda],
    ['every disk is read-only or empty', {}, iso],
  ] as const)('plans metadata alone where %s', (_, asked, only) => {
    expectPlan(freshDomain(only), (given) => planCreateCheckpoint(given, { name: 'a', ...asked }, { now }), {
      steps: [],
      checkpoints: {
        checkpoints: [{ name: 'a', creationTimeSeconds: now, disks: [{ diskTarget: only.diskTarget }] }],
        current: 'a',
      },
    });
  });

  it('makes the first checkpoint after the last was deleted a root', () => {
    const emptied = domain({ checkpoints: { checkpoints: [checkpoint('old', { disks: [] })] } });
    expect(planCreateCheckpoint(emptied, { name: 'a' }, { now }).next.checkpoints.checkpoints[1]).not.toHaveProperty(
      'parent',
    );
  });

  it('says nothing of where the checkpoint was made where the file name is not known', () => {
    const nameless = disk('vda', [without(node('vda-active'), 'filename')]);
    const { next } = planCreateCheckpoint(freshDomain(nameless), { name: 'a' }, { now });
    expect(next.checkpoints.checkpoints[0]?.disks).toStrictEqual([{ diskTarget: 'vda', bitmap: 'a' }]);
  });

  it('says in words how many disks a step concerns', () => {
    const why = (...disks: readonly Disk[]) =>
      planCreateCheckpoint(freshDomain(...disks), { name: 'a' }, { now }).steps.map((step) => step.why);
    expect(why(vda)).toEqual(['From one instant on, record what changes on one disk since checkpoint "a".']);
    expect(why(vda, vdb)).toEqual(['From one instant on, record what changes on 2 disks since checkpoint "a".']);
  });

  it('refuses with every problem that checkCreateCheckpoint lists', () => {
    const asked = [domain(), { name: 'monday', disks: [{ disk: 'vdx' }] }, { now: -1 }] as const;
    const problems = refusal(() => planCreateCheckpoint(...asked));
    expect(codesOf(problems)).toEqual(['creation-time-invalid', 'checkpoint-exists', 'disk-not-found']);
    expect(problems).toStrictEqual(checkCreateCheckpoint(...asked));
  });

  it('leads to the same domain step by step', () => {
    const { steps, next } = planCreateCheckpoint(domain(), { name: 'wednesday' }, { now });
    expect(steps.reduce(applyStep, domain()).disks).toStrictEqual(next.disks);
  });
});
