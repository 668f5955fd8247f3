import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { copyPath } from '../../src/backup/file-names.js';
import type { BackupReport } from '../../src/backup/make-backup.js';
import { isCheckpointError, planCreateCheckpoint, planDeleteCheckpoint } from '../../src/index.js';
import { granule } from '../support/qemu/busy-guest.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { type NightlyMachine, type NightlyRequest, nightlyMachine } from '../support/qemu/nightly-machine.js';
import { codesOf } from '../support/refusal.js';

describeOnEachQemu('the backup of each night', (qemu) => {
  it.each(['push', 'pull'] as const)(
    'is full, by %s, only for the disk whose stored bitmaps a crash has spoilt; they go, and the next is incremental on all',
    async (mode) => {
      await using machine = await nightlyMachine(qemu);
      const backUp = (name: string) => machine.backUp({ name, mode }, { busy: true });
      expect(basesOf(await backUp('one'))).toEqual({ vda: 'full', vdb: 'full' });
      await machine.restart('quit', ['vdb']);
      await machine.change('vda', 5);
      // vdb is not open for writing when QEMU is killed.
      await machine.restart('SIGKILL');
      await changeAll(machine);
      const two = await backUp('two');
      expect(basesOf(two)).toEqual({ vda: 'full', vdb: 'one' });
      expect(passedOver(two, 'vda')).toEqual({ one: ['bitmap-inconsistent'] });
      expect(two).toMatchObject({ removed: [{ checkpoint: 'one', diskTarget: 'vda' }], rescued: [], warnings: [] });
      expect(await bitmapsOf(machine, 'vda')).toEqual(['two']);
      expect(basesOf(await backUp('three'))).toEqual({ vda: 'two', vdb: 'two' });
      await expectAllRight(machine, ['one', 'two', 'three']);
    },
  );

  it('is full on all disks where their bitmaps were never stored; the checkpoint that has lost all goes as a whole', async () => {
    await using machine = await nightlyMachine(qemu);
    await machine.backUp({ name: 'one' });
    await machine.restart('SIGKILL');
    await changeAll(machine);
    const two = await machine.backUp({ name: 'two' });
    expect(basesOf(two)).toEqual({ vda: 'full', vdb: 'full' });
    expect(passedOver(two, 'vda')).toEqual({ one: ['bitmap-missing'] });
    expect(two.removed.map(({ checkpoint, diskTarget }) => `${checkpoint} ${diskTarget}`)).toEqual([
      'one vda',
      'one vdb',
    ]);
    expect((await machine.observe()).checkpoints.checkpoints.map(({ name }) => name)).toEqual(['two']);
    expect(basesOf(await machine.backUp({ name: 'three' }))).toEqual({ vda: 'two', vdb: 'two' });
    await expectAllRight(machine, ['one', 'two', 'three']);
  });

  it.each(['push', 'pull'] as const)(
    'stays incremental, by %s, after a crash of a disk that stands on a layer: its checkpoint is rescued, no byte is lacking',
    async (mode) => {
      await using machine = await nightlyMachine(qemu, { seed: 7 });
      await changeAll(machine);
      await machine.backUp({ name: 'one', mode }, { busy: true });
      await machine.snapshot('vda');
      await machine.change('vda', 6);
      expect(basesOf(await machine.backUp({ name: 'two', mode }, { busy: true }))).toEqual({ vda: 'one', vdb: 'one' });
      await changeAll(machine);
      await machine.restart('SIGKILL');
      await machine.change('vda', 3);
      const three = await machine.backUp({ name: 'three', mode }, { busy: true });
      expect(basesOf(three)).toEqual({ vda: 'two', vdb: 'full' });
      expect(three.rescued).toMatchObject([{ checkpoint: 'two', diskTarget: 'vda' }]);
      await changeAll(machine);
      expect(basesOf(await machine.backUp({ name: 'four', mode }, { busy: true }))).toEqual({
        vda: 'three',
        vdb: 'three',
      });
      await expectAllRight(machine, ['one', 'two', 'three', 'four']);
    },
  );

  it('stays incremental where the overlay of a snapshot is all that a crash has cost its bitmaps', async () => {
    await using machine = await nightlyMachine(qemu, { formats: ['qcow2'] });
    await machine.change('vda', 10);
    await machine.backUp({ name: 'one' });
    await machine.snapshot('vda', 'with-snapshot');
    await machine.change('vda', 10);
    await machine.restart('SIGKILL');
    await machine.change('vda', 2);
    const two = await machine.backUp({ name: 'two' });
    expect(basesOf(two)).toEqual({ vda: 'one' });
    expect(two.rescued).toMatchObject([{ checkpoint: 'one', diskTarget: 'vda' }]);
    await expectAllRight(machine, ['one', 'two']);
  });

  it.each([
    ['by push', 'push'],
    ['by pull', 'pull'],
  ] as const)(
    '%s: a disk that has grown since is incremental all the same, and restored in its new size',
    async (_, mode) => {
      await using machine = await nightlyMachine(qemu);
      await changeAll(machine);
      await machine.backUp({ name: 'one', mode }, { busy: true });
      await machine.change('vda', 5);
      await machine.grow('vda', 96);
      await writeLast(machine);
      expect(basesOf(await machine.backUp({ name: 'two', mode }, { busy: true }))).toEqual({ vda: 'one', vdb: 'one' });
      await machine.grow('vda', 128);
      const three = await machine.backUp({ name: 'three', mode });
      expect(basesOf(three)).toEqual({ vda: 'two', vdb: 'two' });
      expect(three.manifest.disks.map(({ virtualSize }) => virtualSize)).toEqual([128 * granule, 64 * granule]);
      await expectAllRight(machine, ['one', 'two', 'three']);
    },
  );

  it.each(['push', 'pull'] as const)(
    'is full, by %s, where a disk has grown and has bitmaps on a layer of the old size, and incremental from then on',
    async (mode) => {
      await using machine = await nightlyMachine(qemu);
      await changeAll(machine);
      await machine.backUp({ name: 'one', mode }, { busy: true });
      await machine.snapshot('vda');
      await machine.grow('vda', 80);
      await writeLast(machine);
      const two = await machine.backUp({ name: 'two', mode }, { busy: true });
      expect(basesOf(two)).toEqual({ vda: 'full', vdb: 'one' });
      expect(passedOver(two, 'vda')).toEqual({ one: ['bitmap-size-differs'] });
      await writeLast(machine);
      expect(basesOf(await machine.backUp({ name: 'three', mode }, { busy: true }))).toEqual({
        vda: 'two',
        vdb: 'two',
      });
      await expectAllRight(machine, ['one', 'two', 'three']);
    },
  );

  it('passes over what is not of use: a checkpoint that was deleted, one without a backup, one whose file is gone', async () => {
    await using machine = await nightlyMachine(qemu);
    for (const name of ['one', 'two', 'three']) {
      await machine.backUp({ name });
      await changeAll(machine);
    }
    await machine.run((domain) => planDeleteCheckpoint(domain, 'three'));
    const four = await machine.backUp({ name: 'four' });
    expect(basesOf(four)).toEqual({ vda: 'two', vdb: 'two' });
    await changeAll(machine);
    await machine.run((domain) => planCreateCheckpoint(domain, { name: 'by-hand' }, { now: 1_700_000_050 }));
    await changeAll(machine);
    const five = await machine.backUp({ name: 'five' });
    expect(basesOf(five)).toEqual({ vda: 'four', vdb: 'four' });
    expect(passedOver(five, 'vda')).toEqual({ 'by-hand': ['backup-missing'] });
    await changeAll(machine);
    await rm(copyPath(machine.directory, 'vda', 'five'));
    const six = await machine.backUp({ name: 'six' });
    expect(basesOf(six)).toEqual({ vda: 'four', vdb: 'five' });
    await rm(copyPath(machine.directory, 'vdb', 'one'));
    expect(basesOf(await machine.backUp({ name: 'seven' }))).toEqual({ vda: 'six', vdb: 'full' });
    expect(basesOf(await machine.backUp({ name: 'eight' }))).toEqual({ vda: 'seven', vdb: 'seven' });
    await expectAllRight(machine, ['two', 'three', 'four', 'six', 'seven', 'eight'], ['vda']);
    await expectAllRight(machine, ['seven', 'eight'], ['vdb']);
  });

  it.each<[what: string, codes: string[], prepare: (machine: NightlyMachine) => Promise<unknown>]>([
    ['there is no backup', ['backup-base-lacking', 'backup-base-lacking'], async () => undefined],
    [
      'a crash has cost the bitmaps of one disk, though they could be rescued',
      ['bitmap-inconsistent'],
      async (machine) => {
        await machine.snapshot('vda');
        await machine.backUp({ name: 'one' });
        await machine.restart('quit', ['vdb']);
        await machine.restart('SIGKILL');
      },
    ],
  ])('since the newest one or not at all, is refused where %s, and nothing is done', async (_, codes, prepare) => {
    await using machine = await nightlyMachine(qemu);
    await prepare(machine);
    const before = await machine.observe();
    const error: unknown = await machine.backUp({ name: 'next', kind: 'inc' }).catch((reason: unknown) => reason);
    expect(isCheckpointError(error) && codesOf(error.problems)).toEqual(codes);
    expect(await machine.observe()).toEqual(before);
    expect(await machine.leftovers()).toEqual([]);
  });

  it('is full where that is asked for, and a base for the next', async () => {
    await using machine = await nightlyMachine(qemu);
    const kinds: NightlyRequest['kind'][] = ['full', 'inc', 'full', 'inc', 'auto'];
    const found: unknown[] = [];
    for (const [place, kind = 'auto'] of kinds.entries()) {
      await changeAll(machine);
      found.push(basesOf(await machine.backUp({ name: `${place}`, kind }, { busy: true }))['vda']);
    }
    expect(found).toEqual(['full', '0', 'full', '2', '3']);
    await expectAllRight(machine, ['0', '1', '2', '3', '4']);
  });

  it.each(['push', 'pull'] as const)(
    'is full, by %s, for a raw disk each time, which no checkpoint has a bitmap on',
    async (mode) => {
      await using machine = await nightlyMachine(qemu, { formats: ['qcow2', 'raw'] });
      for (const name of ['one', 'two', 'three']) {
        await changeAll(machine);
        const { manifest } = await machine.backUp({ name, mode }, { busy: true });
        expect(manifest.disks.map(({ inCheckpoint }) => inCheckpoint)).toEqual([true, false]);
        expect(manifest.disks[1]).not.toHaveProperty('base');
        await machine.restart('quit');
      }
      await expectAllRight(machine, ['one', 'two', 'three']);
    },
  );

  it('takes a machine of raw disks alone too, without a checkpoint', async () => {
    await using machine = await nightlyMachine(qemu, { formats: ['raw'] });
    for (const name of ['one', 'two']) {
      await machine.change('vda', 3);
      expect((await machine.backUp({ name }, { busy: true })).manifest).not.toHaveProperty('checkpoint');
    }
    await expectAllRight(machine, ['one', 'two']);
  });
});

/** What each disk was based on. */
function basesOf({ bases, manifest }: BackupReport): Record<string, string> {
  const told = Object.fromEntries(bases.map(({ diskTarget, since = 'full' }) => [diskTarget, since]));
  const made = Object.fromEntries(manifest.disks.map(({ diskTarget, base }) => [diskTarget, base?.name ?? 'full']));
  expect(told).toEqual(made);
  return told;
}

function passedOver({ bases }: BackupReport, diskTarget: string): Record<string, string[]> {
  const found = bases.find((each) => each.diskTarget === diskTarget)?.passedOver ?? [];
  return Object.fromEntries(found.map(({ checkpoint, problems }) => [checkpoint, problems.map(({ code }) => code)]));
}

async function bitmapsOf(machine: NightlyMachine, diskTarget: string): Promise<readonly string[]> {
  const { disks } = await machine.observe();
  const chain = disks.find((disk) => disk.diskTarget === diskTarget)?.backingChain ?? [];
  return chain.flatMap(({ bitmaps }) => bitmaps.map(({ name }) => name));
}

async function changeAll(machine: NightlyMachine): Promise<void> {
  for (const { diskTarget } of machine.disks) await machine.change(diskTarget, 5);
}

/** Writes to the very end of vda. */
async function writeLast({ disks: [vda] }: NightlyMachine): Promise<void> {
  if (vda?.guest === undefined) throw new Error('there is no guest');
  await vda.guest.write({ offset: (vda.granules - 1) * granule + 4096, length: granule - 4096, byte: 9 });
}

async function expectAllRight(
  machine: NightlyMachine,
  points: readonly string[],
  diskTargets?: readonly string[],
): Promise<void> {
  for (const point of points) expect([point, await machine.wronglyRestored(point, diskTargets)]).toEqual([point, []]);
  expect(await machine.leftovers()).toEqual([]);
}
