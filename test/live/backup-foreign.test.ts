import { expect, it } from 'vitest';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { type NightlyMachine, nightlyMachine } from '../support/qemu/nightly-machine.js';

const node = 'vda-0';
const theirs = ['backup-vda', 'libvirt-tmp-size-xml', 'held'];

/** What other programs leave on a disk, and what they hold: a bitmap that an export has, and a job with a bitmap without a name. */
async function leaveThings({ daemon: { monitor } }: NightlyMachine): Promise<void> {
  await monitor.execute('block-dirty-bitmap-add', { node, name: 'backup-vda', disabled: true });
  await monitor.execute('block-dirty-bitmap-add', { node, name: 'libvirt-tmp-size-xml', persistent: true });
  await monitor.execute('block-dirty-bitmap-add', { node, name: 'held', disabled: true });
  const file = { driver: 'null-co', size: 64 * 65536 };
  await monitor.execute('blockdev-add', { driver: 'raw', 'node-name': 'elsewhere', file });
  const exported = { type: 'nbd', id: 'guest-of-theirs', 'node-name': 'elsewhere', name: 'theirs' };
  await monitor.execute('block-export-add', { ...exported, bitmaps: [{ node, name: 'held' }] });
  await monitor.execute('block-dirty-bitmap-add', { node, name: 'in-use' });
  await monitor.execute('blockdev-add', { driver: 'raw', 'node-name': 'target', file });
  const job = { 'job-id': 'their-job', device: node, target: 'target', sync: 'bitmap', bitmap: 'in-use' };
  // It waits before its end, for as long as it is let.
  const pending = monitor.nextEvent(
    'JOB_STATUS_CHANGE',
    ({ id, status }) => id === 'their-job' && status === 'pending',
  );
  await monitor.execute('blockdev-backup', { ...job, 'bitmap-mode': 'on-success', 'auto-finalize': false });
  await pending;
}

async function bitmapsOn({ session }: NightlyMachine): Promise<readonly (string | undefined)[]> {
  const nodes = (await session.execute('query-named-block-nodes', { flat: true })) as readonly {
    readonly 'node-name': string;
    readonly 'dirty-bitmaps'?: readonly { readonly name?: string }[];
  }[];
  return nodes.find((each) => each['node-name'] === node)?.['dirty-bitmaps']?.map(({ name }) => name) ?? [];
}

describeOnEachQemu('what other programs have on a disk', (qemu) => {
  it('is never removed, harms no backup, and is named in the report', async () => {
    await using machine = await nightlyMachine(qemu, { formats: ['qcow2'] });
    await machine.change('vda', 5);
    await machine.backUp({ name: 'monday' });
    await leaveThings(machine);
    expect(await bitmapsOn(machine)).toContain(undefined);
    for (const [name, mode] of [
      ['tuesday', 'push'],
      ['wednesday', 'pull'],
    ] as const) {
      await machine.change('vda', 5);
      const { bases, foreign } = await machine.backUp({ name, mode });
      expect(bases[0]?.since).toBe(name === 'tuesday' ? 'monday' : 'tuesday');
      expect(foreign.map(({ bitmap }) => bitmap)).toEqual(expect.arrayContaining([...theirs, 'in-use']));
      expect(foreign).toContainEqual({ diskTarget: 'vda', nodeName: node, bitmap: 'held', busy: true });
      expect(await bitmapsOn(machine)).toEqual(expect.arrayContaining([...theirs, 'in-use', undefined]));
    }
    for (const point of ['monday', 'tuesday', 'wednesday']) expect(await machine.wronglyRestored(point)).toEqual([]);
  });
});
