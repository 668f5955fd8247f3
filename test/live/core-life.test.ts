import { expect, it } from 'vitest';
import { type CheckpointTree, type Domain, planCreateCheckpoint, planDeleteCheckpoint } from '../../src/index.js';
import { formatTransaction } from '../../src/qmp/index.js';
import { now } from '../support/builders.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachChain, attachNew } from '../support/qemu/disks.js';
import { attachGuest, type Pattern } from '../support/qemu/guest-disk.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { sendPlan } from '../support/qemu/send-plan.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

const targets = ['vda', 'vdb', 'vdc'];
const look = ({ monitor }: RunningQemu, checkpoints?: CheckpointTree) =>
  lookAtDomain(
    monitor,
    targets.map((target) => [target, target] as const),
    checkpoints,
  );

describeOnEachQemu('checkpoints on three disks', (qemu) => {
  it('are made, made again and deleted, and what is left is there after a clean restart', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    const { monitor } = daemon;
    for (const target of targets) await attachNew(daemon, folder.path, target);
    const guests = await Promise.all(targets.map((target) => attachGuest(daemon, target)));

    const withMonday = await sendPlan(monitor, planCreateCheckpoint(await look(daemon), { name: 'monday' }, { now }));
    expect(await look(daemon, withMonday.checkpoints)).toStrictEqual(withMonday);
    expect(bitmapsOf(withMonday)).toStrictEqual([
      { disk: 'vda', bitmap: 'monday', dirty: 0, recording: true, persistent: true },
      { disk: 'vdb', bitmap: 'monday', dirty: 0, recording: true, persistent: true },
      { disk: 'vdc', bitmap: 'monday', dirty: 0, recording: true, persistent: true },
    ]);

    await guests[0]?.write(granules(0, 3));
    await guests[1]?.write(granules(8, 1), granules(100, 1));
    const beforeTuesday = await look(daemon, withMonday.checkpoints);
    const withTuesday = await sendPlan(monitor, planCreateCheckpoint(beforeTuesday, { name: 'tuesday' }, { now }));
    expect(await look(daemon, withTuesday.checkpoints)).toStrictEqual(withTuesday);

    await guests[0]?.write(granules(2, 2));
    await guests[2]?.write(granules(5, 1));
    const beforeDelete = await look(daemon, withTuesday.checkpoints);
    expect(dirtyGranules(beforeDelete)).toStrictEqual({
      vda: { tuesday: 2, monday: 4 },
      vdb: { tuesday: 0, monday: 2 },
      vdc: { tuesday: 1, monday: 1 },
    });
    const bits = await bitsOf(daemon, 'tuesday');
    const left = await sendPlan(monitor, planDeleteCheckpoint(beforeDelete, 'monday'));
    expect(await look(daemon, left.checkpoints)).toStrictEqual(left);
    expect(dirtyGranules(left)).toStrictEqual({ vda: { tuesday: 2 }, vdb: { tuesday: 0 }, vdc: { tuesday: 1 } });
    expect(await bitsOf(daemon, 'tuesday')).toStrictEqual(bits);

    const content = await Promise.all(guests.map((guest) => guest.read()));
    expect(await daemon.quit()).toStrictEqual({ code: 0, signal: null });
    expect(daemon.output.stderr).toBe('');

    await using again = await startStorageDaemon(qemu);
    for (const target of targets) await attachChain(again.monitor, folder.path, [target]);
    expect(await look(again, left.checkpoints)).toStrictEqual(left);
    expect(await bitsOf(again, 'tuesday')).toStrictEqual(bits);
    for (const [place, target] of targets.entries()) {
      const guest = await attachGuest(again, target);
      expect((await guest.read()).equals(content[place] as Buffer)).toBe(true);
    }
  });

  it('take no transaction where no disk takes part, though QEMU would accept an empty one', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    for (const target of targets) await attachNew(daemon, folder.path, target);
    const domain = await look(daemon);
    const disks = [{ disk: 'vda', checkpoint: 'no' }] as const;
    const plan = planCreateCheckpoint(domain, { name: 'monday', disks }, { now });
    expect(plan.steps).toStrictEqual([]);
    const { execute, arguments: args } = formatTransaction([]);
    expect(await daemon.monitor.execute(execute, args)).toStrictEqual({});
    expect(await look(daemon, plan.next.checkpoints)).toStrictEqual(plan.next);
  });
});

function bitmapsOf({ disks }: Domain) {
  return disks.flatMap(({ diskTarget, backingChain }) =>
    backingChain.flatMap(({ bitmaps }) =>
      bitmaps.map(({ name, dirtyBytes, recording, persistent }) => {
        return { disk: diskTarget, bitmap: name, dirty: dirtyBytes, recording, persistent };
      }),
    ),
  );
}

function dirtyGranules(domain: Domain): Record<string, Record<string, number>> {
  const granules: Record<string, Record<string, number>> = {};
  for (const { disk, bitmap, dirty } of bitmapsOf(domain)) {
    granules[disk] = { ...granules[disk], [bitmap]: dirty / 65536 };
  }
  return granules;
}

/** Which granules are dirty, as a digest a disk: a count alone would not tell one from another. */
async function bitsOf({ monitor }: RunningQemu, name: string): Promise<unknown> {
  return await Promise.all(targets.map((node) => monitor.execute('x-debug-block-dirty-bitmap-sha256', { node, name })));
}

function granules(first: number, count: number): Pattern {
  return { offset: first * 65536, length: count * 65536, byte: first + 1 };
}
