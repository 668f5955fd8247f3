import { describe, expect, it } from 'vitest';
import { setsInstant } from '../../../src/core/plan/sets-instant.js';
import {
  type Plan,
  planCommit,
  planCopy,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planPull,
  planRescueCheckpoint,
  planTakeSnapshot,
  type TransactionAction,
} from '../../../src/index.js';
import { domain, now } from '../../support/builders.js';
import { layered, withBitmap } from '../../support/layers.js';

const diskTarget = 'vda';
const mirror = { nodeName: 'm', filename: '/images/m.qcow2' };
const overlay = { nodeName: 'o', filename: '/images/o.qcow2' };
const layers = { topNodeName: 'vda-active', baseNodeName: 'vda-1' };
const lost = withBitmap(layered, 0, 'a', undefined);

/** The steps of a plan that set an instant, by their places from the end: the last one is -1. */
const instantsOf = ({ steps }: Plan) =>
  steps.flatMap(({ command }, place) => (setsInstant(command) ? [place - steps.length] : []));

describe('an instant is set by', () => {
  it.each<[string, Plan, readonly number[]]>([
    ['the one step of a create', planCreateCheckpoint(domain(), { name: 'w' }, { now }), [-1]],
    ['the last step of a snapshot', planTakeSnapshot(layered, { disks: [{ diskTarget, overlay }] }), [-1]],
    [
      'the last step of a snapshot with a checkpoint',
      planTakeSnapshot(layered, { disks: [{ diskTarget, overlay }], checkpoint: { name: 'd' } }, { now }),
      [-1],
    ],
    ['no step of a delete', planDeleteCheckpoint(layered, 'a'), []],
    ['no step of a commit, whose checkpoints began before', planCommit(layered, { diskTarget, ...layers }), []],
    ['no step of a copy', planCopy(layered, { diskTarget, mirror }), []],
    ['no step of a pull', planPull(layered, { diskTarget }), []],
    ['no step of a rescue', planRescueCheckpoint(lost, { diskTarget, checkpoint: 'a' }), []],
  ])('%s', (_, plan, places) => {
    expect(plan.steps.length).toBeGreaterThan(0);
    expect(instantsOf(plan)).toEqual(places);
  });
});

const nodeName = 'vda-active';
const add = (change: object = {}): TransactionAction => {
  return { kind: 'bitmap-add', nodeName, bitmap: 'a', persistent: true, recording: true, ...change };
};
const merge = (into: string, on = nodeName): TransactionAction => {
  return { kind: 'bitmap-merge', nodeName: on, intoBitmap: into, sources: [{ nodeName: 'vda-1', bitmap: 'x' }] };
};

describe('a transaction sets an instant', () => {
  it.each<[string, readonly TransactionAction[], boolean]>([
    ['where it begins a bitmap', [add()], true],
    ['where it begins one among bitmaps that go on', [add(), merge('a'), add({ bitmap: 'b' })], true],
    ['where another bitmap is filled', [add(), merge('b')], true],
    ['where the bitmap of that name on another node is filled', [add(), merge('a', 'vda-1')], true],
    ['not where the bitmap gets what others hold', [add(), merge('a')], false],
    ['not where the bitmap is temporary', [add({ persistent: false })], false],
    ['not where the bitmap does not record', [add({ recording: false })], false],
    ['where it takes a snapshot', [{ kind: 'snapshot-take', nodeName, overlayNodeName: 'o' }], true],
    [
      'where a backup starts',
      [
        {
          kind: 'backup-start',
          job: { kind: 'backup', jobId: 'j', diskTarget: 'vda', nodeName, targetNodeName: 't', sync: 'full' },
        },
      ],
      true,
    ],
    [
      'not where it only removes, empties or stops',
      (['bitmap-remove', 'bitmap-clear', 'bitmap-disable', 'bitmap-enable'] as const).map((kind) => {
        return { kind, nodeName, bitmap: 'a' };
      }),
      false,
    ],
    ['not where it does nothing', [], false],
  ])('%s', (_, actions, expected) => {
    expect(setsInstant({ kind: 'transaction', actions })).toBe(expected);
  });

  it('and nothing else does', () => {
    expect(setsInstant({ kind: 'node-remove', nodeName })).toBe(false);
  });
});
