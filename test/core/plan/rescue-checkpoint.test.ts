import { describe, expect, it } from 'vitest';
import type { RescueRequest } from '../../../src/core/check/rescue-checkpoint.js';
import { bitmapOrigins, faultsFrom } from '../../../src/core/check/usable-bitmap.js';
import { planRescueCheckpoint } from '../../../src/core/plan/rescue-checkpoint.js';
import type { Domain, Plan } from '../../../src/index.js';
import { bitmap, chain, disk, freshDomain, node } from '../../support/builders.js';
import { expectPlanLaws } from '../../support/expect-plan.js';
import { inconsistent, layered, madeOn, spell, withBitmap, withLayer } from '../../support/layers.js';
import { openLedger } from '../../support/ledger.js';
import { startQemu } from '../../support/model.js';
import { codesOf } from '../../support/refusal.js';

const of = (checkpoint: string): RescueRequest => ({ diskTarget: 'vda', checkpoint });
const rescue = (checkpoint: string) => (given: Domain) => planRescueCheckpoint(given, of(checkpoint));
const tmp = 'checkpoint-tmp-fill';
const lost = withBitmap(layered, 0, 'a', undefined);
const stale = bitmap(tmp, { persistent: false, dirtyBytes: 65536 });

function expectWhole({ next }: Plan, name: string): void {
  expect(faults(next, name)).toEqual([]);
}

describe('planRescueCheckpoint', () => {
  it('records what is written, lets a backup find what is allocated, and only then adds the bitmap with all of it', () => {
    const plan = expectPlanLaws(lost, rescue('a'), { healed: ['a'] });
    expect(spell(plan)).toEqual([
      `add ${tmp}-0`,
      [`add ${tmp} on vda-active transient by 65536`, `add vda-active on ${tmp}-0 transient`],
      'start checkpoint-fill-vda-vda-active',
      'wait until copying',
      'cancel',
      ['add a on vda-active by 65536', `merge a on vda-active from vda-active ${tmp}-0`, `remove ${tmp} on vda-active`],
      `remove ${tmp}-0`,
    ]);
    expectWhole(plan, 'a');
    expect(plan.next.otherNodes).toBeUndefined();
    expect(plan.next.checkpoints).toEqual(lost.checkpoints);
    // How much is allocated is not known: the most it can be is shown.
    expect(plan.next.disks[0]?.backingChain[0]?.bitmaps[0]).toEqual(bitmap('a', { dirtyBytes: 2 ** 30 }));
  });

  it('opens a node as large as the layer, for the backup to write to', () => {
    const small = withLayer(lost, 0, { virtualSize: 2 ** 20 });
    expect(planRescueCheckpoint(small, of('a')).steps[0]).toMatchObject({
      command: {
        kind: 'node-add',
        format: 'raw',
        virtualSize: 2 ** 20,
        options: { file: { driver: 'null-co', size: 2 ** 20 } },
      },
    });
  });

  it('takes all back where anything fails before the bitmap is added; from then on it is whole', () => {
    const { steps } = planRescueCheckpoint(lost, of('a'));
    const [job] = steps.flatMap(({ command }) => ('job' in command ? [command.job] : []));
    expect(steps.map(({ undo, pointOfNoReturn }) => undo ?? pointOfNoReturn)).toEqual([
      { kind: 'node-remove', nodeName: `${tmp}-0` },
      {
        kind: 'transaction',
        actions: [
          { kind: 'bitmap-remove', nodeName: 'vda-active', bitmap: tmp },
          { kind: 'bitmap-remove', nodeName: `${tmp}-0`, bitmap: 'vda-active' },
        ],
      },
      { kind: 'job-cancel', job },
      undefined,
      { kind: 'job-cancel', job },
      true,
      undefined,
    ]);
  });

  it.each([
    ['inconsistent', inconsistent],
    ['stopped', { recording: false }],
    ['not persistent', { persistent: false }],
  ])('removes one that is %s, as late as it can: nothing can put it back', (_, change) => {
    const plan = expectPlanLaws(withBitmap(layered, 0, 'a', change), rescue('a'), { healed: ['a'] });
    expect(spell(plan).slice(4, 7)).toEqual([
      'cancel',
      ['remove a on vda-active'],
      expect.arrayContaining(['add a on vda-active by 65536']),
    ]);
    expect(plan.steps[5]).toMatchObject({ irreversible: true });
    expectWhole(plan, 'a');
  });

  it('fills every layer that lacks it, and adds all at once; read-only ones are open no longer than that takes', () => {
    const both = withBitmap(withBitmap(layered, 0, 'a', undefined), 1, 'a', inconsistent);
    const plan = expectPlanLaws(both, rescue('a'), { healed: ['a'] });
    expect(spell(plan)).toEqual([
      `add ${tmp}-0`,
      `add ${tmp}-1`,
      [
        `add ${tmp} on vda-active transient by 65536`,
        `add vda-active on ${tmp}-0 transient`,
        `add ${tmp} on vda-1 transient by 65536`,
        `add vda-1 on ${tmp}-1 transient`,
      ],
      'start checkpoint-fill-vda-vda-active',
      'wait until copying',
      'cancel',
      'start checkpoint-fill-vda-vda-1',
      'wait until copying',
      'cancel',
      'open vda-1 for writing',
      ['remove a on vda-1'],
      [
        'add a on vda-active by 65536',
        `merge a on vda-active from vda-active ${tmp}-0`,
        'add a on vda-1 by 65536',
        `merge a on vda-1 from vda-1 ${tmp}-1`,
        `remove ${tmp} on vda-active`,
        `remove ${tmp} on vda-1`,
      ],
      'close vda-1 for writing',
      `remove ${tmp}-0`,
      `remove ${tmp}-1`,
    ]);
    expectWhole(plan, 'a');
  });

  it('fills the layer it was made on, too, where that has a backing image', () => {
    const plan = expectPlanLaws(withBitmap(layered, 0, 'c', inconsistent), rescue('c'), { healed: ['c'] });
    expectWhole(plan, 'c');
    expect(plan.warnings).toMatchObject([{ code: 'rescue-holds-more', nodeName: 'vda-active' }]);
  });

  it('leaves layers alone that lie below the one it was made on', () => {
    const below = withBitmap(withBitmap(layered, 0, 'b', undefined), 2, 'a', { name: 'b', ...inconsistent });
    expect(JSON.stringify(planRescueCheckpoint(below, of('b')).steps)).not.toContain('vda-2');
  });

  it('does nothing where nothing is lacking', () => {
    expect(expectPlanLaws(layered, rescue('a'))).toEqual({ steps: [], next: layered });
  });

  it.each<[string, Domain, string | undefined]>([
    [
      'as it is below',
      withBitmap(withBitmap(layered, 0, 'a', { ...inconsistent, granularity: 512 }), 2, 'a', { granularity: 4096 }),
      'by 4096',
    ],
    ['as it is above', withBitmap(withBitmap(layered, 0, 'b', { granularity: 4096 }), 1, 'b', undefined), 'by 4096'],
    ['as what is left of it is', withBitmap(layered, 0, 'c', { ...inconsistent, granularity: 512 }), 'by 512'],
    ['and QEMU chooses where nothing tells', withBitmap(layered, 0, 'c', undefined), undefined],
  ])('makes it as fine %s', (_, given, by) => {
    const name = ['a', 'b', 'c'].find((each) => codesOf(faults(given, each)).length > 0) ?? '';
    const adds = spell(planRescueCheckpoint(given, of(name))).flat();
    const added = adds.find((each) => each.startsWith(`add ${name} on`));
    expect(added?.endsWith(by ?? `on vda-${name === 'c' ? 'active' : '1'}`)).toBe(true);
    expect(adds.some((each) => each.startsWith(`add ${tmp} on vda`) && each.endsWith(by ?? 'transient'))).toBe(true);
  });

  it('tells where a commit would make it whole as well', () => {
    const { warnings } = planRescueCheckpoint(lost, of('a'));
    expect(warnings).toMatchObject([{ code: 'commit-heals', topNodeName: 'vda-active', nodeName: 'vda-1' }]);
  });

  it('removes first what a rescue has left that did not end, on whatever disk', () => {
    const left = withLayer(layered, 0, { bitmaps: [stale, bitmap('b')] });
    const target = node(`${tmp}-0`, { format: 'raw' });
    const given: Domain = {
      ...left,
      disks: [...left.disks, disk('vdb', [node('vdb', { bitmaps: [{ ...stale, busy: true }] })])],
      otherNodes: [target, node('mirror')],
    };
    const plan = planRescueCheckpoint(given, of('a'));
    expect(spell(plan).slice(0, 5)).toEqual([
      'cancel',
      'cancel',
      [`remove ${tmp} on vda-active`, `remove ${tmp} on vdb`],
      `remove ${tmp}-0`,
      `add ${tmp}-0`,
    ]);
    expect(plan.steps.slice(0, 2).map(({ command }) => 'job' in command && command.job.jobId)).toEqual([
      'checkpoint-fill-vda-vda-active',
      'checkpoint-fill-vdb-vdb',
    ]);
    expect(plan.next.otherNodes?.map(({ nodeName }) => nodeName)).toEqual(['mirror']);
    expectWhole(plan, 'a');
  });

  it.each([
    ['one layer', lost],
    [
      'two layers, one of which is opened for it',
      withBitmap(withBitmap(layered, 0, 'a', undefined), 1, 'a', inconsistent),
    ],
  ])('of %s can be planned again wherever it was cut off', (_, given) => {
    const { steps } = planRescueCheckpoint(given, of('a'));
    for (let done = 1; done < steps.length; done += 1) {
      const qemu = startQemu(given);
      for (const { command } of steps.slice(0, done)) qemu.execute(command);
      const again = planRescueCheckpoint(qemu.observe(given), of('a'));
      for (const { command } of again.steps) qemu.execute(command);
      expect(qemu.jobs()).toEqual([]);
      const seen = qemu.observe(given);
      expect(seen.otherNodes).toBeUndefined();
      expect(faults(seen, 'a')).toEqual([]);
      expect(JSON.stringify(seen)).not.toContain(tmp);
      expect(seen.disks[0]?.backingChain.map(({ readOnly }) => readOnly)).toEqual([false, true, true]);
    }
  });
});

/** A disk whose checkpoint was lost in a crash after a snapshot, with what the guest did until then. */
function crashed(nodeNames: readonly string[]) {
  const bitmaps = nodeNames.map(() => [bitmap('a')]);
  const given = { ...freshDomain(disk('vda', chain('vda', bitmaps))), checkpoints: madeOn(nodeNames.at(-1)) };
  const qemu = startQemu(given);
  const ledger = openLedger(qemu, given);
  return { given, qemu, ledger };
}

describe('a bitmap that is filled again', () => {
  it('holds just what was written and discarded since the snapshot, and all that is written while it is filled', () => {
    const { given, qemu, ledger } = crashed(['vda-active', 'vda-1']);
    for (const at of [3, 4, 9, 200]) ledger.write('vda', at * 65536, 4096);
    ledger.write('vda', 20 * 65536, 131072);
    qemu.guestDiscard('vda', 20 * 65536, 65536);
    qemu.crash();
    const seen = qemu.observe(given);
    expect(faults(seen, 'a')).not.toEqual([]);
    const plan = planRescueCheckpoint(seen, of('a'));
    for (const [place, { command }] of plan.steps.entries()) {
      ledger.write('vda', (100 + place) * 65536, 512);
      ledger.write('vda', 200 * 65536 + place * 512, 512);
      qemu.execute(command);
      expect(ledger.check(qemu.observe(seen))).toBe(place < plan.steps.length - 2 ? 0 : 1);
    }
    ledger.write('vda', 99 * 65536, 512);
    expect(ledger.check(qemu.observe(plan.next), true)).toBe(1);
  });

  it('would lack what was discarded where there is no backing image: that leaves no trace', () => {
    const { given, qemu, ledger } = crashed(['vda-active']);
    ledger.write('vda', 3 * 65536, 65536);
    qemu.guestDiscard('vda', 3 * 65536, 65536);
    qemu.crash();
    const seen = qemu.observe(given);
    expect(() => planRescueCheckpoint(seen, of('a'))).toThrow('no backing image');
    // Planned as if there were one, and run all the same.
    const below = node('below', { readOnly: true });
    const { backingChain = [] } = seen.disks[0] ?? {};
    const misled = { ...seen, disks: [disk('vda', [...backingChain, below])] };
    for (const { command } of planRescueCheckpoint(misled, of('a')).steps) qemu.execute(command);
    expect(faults(qemu.observe(seen), 'a')).toEqual([]);
    expect(() => ledger.check(qemu.observe(seen))).toThrow('lacks what was written');
  });
});

function faults({ disks, checkpoints }: Domain, name: string) {
  const { backingChain = [] } = disks[0] ?? {};
  return faultsFrom(backingChain, 0, name, { origins: bitmapOrigins(checkpoints, 'vda'), diskTarget: 'vda' });
}
