import { expect, it } from 'vitest';
import { planCreateCheckpoint } from '../../src/index.js';
import { checkpointStore, connect, observeDomain, runPlan } from '../../src/live.js';
import { type LiveDomain, liveDomain, type Verdict } from '../support/live/live-domain.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { imageOf } from '../support/qemu/disks.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { incrementalSince } from '../support/qemu/incremental.js';
import { markBitmapInUse } from '../support/qemu/mark-bitmap-in-use.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';

const targets = ['vda', 'vdb', 'vdc'] as const;
const disks = targets.map((diskTarget) => ({ diskTarget, nodeName: diskTarget }));
const count = 50;
const broken = { checkpoint: 'c25', diskTarget: 'vdb' } as const;
/** Those that are restored, the one before the broken one among them. */
const judged = ['c24', 'c40'] as const;

describeOnEachQemu('one broken bitmap of fifty checkpoints on three disks', (qemu) => {
  it.each<[string, (running: RunningQemu, domain: LiveDomain) => Promise<RunningQemu>, string]>([
    [
      'inconsistent',
      async (running, domain) => {
        await running.quit();
        await markBitmapInUse(imageOf(domain.folder, broken.diskTarget), broken.checkpoint);
        return await domain.start();
      },
      'inconsistent on vdb',
    ],
    [
      'removed by someone else',
      async (running) => {
        const place = { node: broken.diskTarget, name: broken.checkpoint };
        await running.monitor.execute('block-dirty-bitmap-remove', place);
        return running;
      },
      'missing',
    ],
  ])('that is %s costs one checkpoint on one disk', async (_, breakIt, problem) => {
    await using domain = await liveDomain(qemu, { vda: ['vda'], vdb: ['vdb'], vdc: ['vdc'] });
    await using first = await domain.start();
    const copies = await makeCheckpoints(first, domain.store);
    const before = await domain.check(first.address);
    expect(before.filter(({ usable }) => usable)).toHaveLength(count * targets.length);

    await using running = await breakIt(first, domain);
    const { address } = running;
    const after = await domain.check(address);
    expect(after.filter(({ usable }) => !usable)).toMatchObject([{ ...broken, problems: [problem] }]);
    expect(withoutBroken(after)).toEqual(withoutBroken(before));

    const guests = await attachGuests(running);
    for (const [place, guest] of guests.entries()) await guest.write({ ...granule(60 + place), byte: 0xee });
    expect(await domain.run(address, 'delete', broken.checkpoint)).toMatchObject({ status: 0 });
    expect(await domain.run(address, 'check')).toEqual({
      status: 0,
      printed: [`${count - 1} of ${count - 1} checkpoints can be used on all their disks`],
      complained: [],
    });
    // The last writes are new to each of them, and are all that is.
    const left = before.filter(({ checkpoint }) => checkpoint !== broken.checkpoint);
    expect(await domain.check(address)).toEqual(
      left.map((verdict) => ({ ...verdict, dirtyBytes: verdict.dirtyBytes + 65536 })),
    );

    const observed = await observe(running, domain.store);
    for (const [place, diskTarget] of targets.entries()) {
      const now = await (guests[place] as GuestDisk).read();
      for (const bitmap of judged) {
        const base = copies.get(`${bitmap} ${diskTarget}`) as Buffer;
        expect(base.equals(now)).toBe(false);
        const { restored } = await incrementalSince(running, domain.folder, observed, { diskTarget, bitmap, base });
        expect(restored.equals(now)).toBe(true);
      }
    }
  });
});

/** Makes them one after the other, with writes to every disk in between. @returns Copies of the disks at the judged ones. */
async function makeCheckpoints(running: RunningQemu, path: string): Promise<ReadonlyMap<string, Buffer>> {
  await using store = await checkpointStore(path);
  await using session = await connect(running.address);
  const guests = await attachGuests(running);
  const copies = new Map<string, Buffer>();
  for (let number = 1; number <= count; number += 1) {
    const { checkpoints } = await store.load();
    const domain = await observeDomain(session, { name: 'many', disks, checkpoints });
    const name = `c${number}`;
    const plan = planCreateCheckpoint(domain, { name }, { now: 1_700_000_000 + number });
    await store.run(domain, plan, () => runPlan(session, plan));
    for (const [place, guest] of guests.entries()) {
      if (judged.some((each) => each === name)) copies.set(`${name} ${targets[place]}`, await guest.read());
      // Each disk its own granules, some of them again and again.
      if (number % (place + 1) === 0) await guest.write({ ...granule((number * (place + 2)) % 50), byte: number });
    }
  }
  for (const guest of guests) await guest.detach();
  return copies;
}

async function attachGuests(running: RunningQemu): Promise<readonly GuestDisk[]> {
  const guests: GuestDisk[] = [];
  for (const target of targets) guests.push(await attachGuest(running, target));
  return guests;
}

async function observe({ address }: RunningQemu, path: string) {
  await using store = await checkpointStore(path, { readOnly: true });
  await using session = await connect(address);
  return await observeDomain(session, { name: 'many', disks, checkpoints: (await store.load()).checkpoints });
}

function granule(place: number) {
  return { offset: place * 65536, length: 65536 };
}

function withoutBroken(verdicts: readonly Verdict[]): readonly Verdict[] {
  return verdicts.filter(
    ({ checkpoint, diskTarget }) => checkpoint !== broken.checkpoint || diskTarget !== broken.diskTarget,
  );
}
