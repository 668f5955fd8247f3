import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { type Domain, planRescueCheckpoint } from '../../src/index.js';
import { node } from '../support/builders.js';
import { granule } from '../support/qemu/busy-guest.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { imageOf } from '../support/qemu/disks.js';
import { granules, mortalDisk } from '../support/qemu/mortal-disk.js';
import { rescueAfterKill } from '../support/qemu/rescue-after-kill.js';
import { codesOf } from '../support/refusal.js';

const run = promisify(execFile);
const rescue = (checkpoint: string) => (domain: Domain) =>
  planRescueCheckpoint(domain, { diskTarget: 'vda', checkpoint });

describeOnEachQemu('checkpoints that are rescued after a kill', (qemu) => {
  it.each(Array.from({ length: 20 }, (_, place) => place + 1))(
    'restore to the same bytes, whatever was written, discarded and zeroed; seed %i',
    async (seed) => {
      const rescued = await rescueAfterKill(qemu, seed);
      expect(rescued.map(({ lost }) => lost.length > 0)).toEqual([true, true, true]);
      const whole = { left: [], identical: true };
      expect(rescued).toMatchObject(rescued.map(({ checkpoint }) => ({ checkpoint, ...whole })));
      // Made before the layers that were filled, they have no byte too much.
      expect(rescued.filter(({ checkpoint, excessBytes }) => checkpoint !== 'on-top' && excessBytes > 0)).toEqual([]);
    },
  );

  it('are refused where there is no backing image; refilled all the same, one would lack what it had recorded', async () => {
    await using disk = await mortalDisk(qemu);
    await disk.checkpoint('lost');
    await disk.guest.write({ offset: 0, length: granule, byte: 7 });
    await disk.guest.discard({ offset: 4 * granule, length: 16 * granule });
    const recorded = (await disk.observe()).disks[0]?.backingChain[0]?.bitmaps[0]?.dirtyBytes;
    expect(recorded).toBe(17 * granule);
    await disk.restart('SIGKILL');
    expect(await disk.faults('lost')).toEqual(['bitmap-missing']);
    await expect(disk.run(rescue('lost'))).rejects.toThrow('no backing image');

    await disk.run((domain) => rescue('lost')(withBase(domain)));
    expect(await disk.faults('lost')).toEqual([]);
    expect((await disk.observe()).disks[0]?.backingChain[0]?.bitmaps[0]?.dirtyBytes).toBe(granule);
  });

  it('are told to rely on their layer where that is the one they were made on: emptied, it would lack bytes', async () => {
    await using disk = await mortalDisk(qemu);
    await disk.snapshot('top', 'with-top');
    await disk.guest.write({ offset: 0, length: 4 * granule, byte: 7 });
    await disk.restart('quit', () => run(qemu.img, ['commit', '-q', imageOf(disk.folder, 'top')]));
    expect(await disk.restore('with-top')).toMatchObject({ identical: true, bitmapBytes: 4 * granule });
    await disk.restart('SIGKILL');
    expect(await disk.faults('with-top')).toEqual(['bitmap-inconsistent']);

    const { warnings = [] } = await disk.run(rescue('with-top'));
    expect(codesOf(warnings)).toEqual(['rescue-holds-more']);
    expect(await disk.restore('with-top')).toMatchObject({ identical: false, bitmapBytes: 0 });
  });
});

/** As if the disk stood on an image that is not there. */
function withBase(domain: Domain): Domain {
  const [vda] = domain.disks;
  if (vda === undefined) throw new Error('there is no disk');
  const base = node('elsewhere', { virtualSize: granules * granule, readOnly: true });
  return { ...domain, disks: [{ ...vda, backingChain: [...vda.backingChain, base] }] };
}
