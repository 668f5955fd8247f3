import { expect, it } from 'vitest';
import { killInLayers } from '../soak/kill-layers.js';
import { nodesIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachNew, imageOf } from '../support/qemu/disks.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { qmpProxy } from '../support/qemu/qmp-proxy.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

describeOnEachQemu('a kill while layers change', (qemu) => {
  it.each([
    ['of the manager leaves nothing that reconciling does not bring to an end', 'manager'],
    ['of QEMU leaves no checkpoint that seems usable and is not, before and after it was rescued', 'qemu'],
  ] as const)('%s', { timeout: 240_000 }, async (_, victim) => {
    expect(await killInLayers(qemu, { victim, kills: 8, seed: 1 })).toMatchObject({ kills: 8, faults: [] });
  });

  it.each(['commit', 'copy'])(
    'leaves a %s that goes on, though the disk is named by a layer that goes with it',
    async (change) => {
      await using folder = await temporaryFolder();
      await using daemon = await startStorageDaemon(qemu, { directory: folder.path });
      await attachNew(daemon, folder.path, 'base');
      const guest = await attachGuest(daemon, 'base');
      const run = (address: string, words: readonly string[], nodeName: string) =>
        runLine([...words, '--qmp', address, '--store', `${folder.path}/store`, `--disk=vda=${nodeName}`]);
      const snapshot = ['snapshot', '--overlay', `vda=top:${imageOf(folder.path, 'top')}`];
      expect(await run(daemon.address, snapshot, 'base')).toMatchObject({ status: 0 });
      await guest.write({ offset: 0, length: 65536, byte: 1 });
      const words =
        change === 'copy' ? ['copy', 'vda', '--mirror', `copy:${imageOf(folder.path, 'copy')}`] : ['commit', 'vda'];
      {
        // The job follows the guest then.
        await using proxy = await qmpProxy(daemon.address, {
          before: ({ execute }, { cut }) => {
            if (execute === 'job-complete') cut();
          },
        });
        expect(await run(proxy.address, words, 'top')).toMatchObject({ status: 1 });
      }

      const active = change === 'copy' ? 'copy' : 'base';
      const { status, printed, complained } = await run(daemon.address, ['reconcile'], 'top');
      expect({ status, printed }, complained.join('\n')).toEqual({
        status: 0,
        printed: [
          'disk vda: go-on: Its job runs: what is left of the plan follows.',
          `the active layer of vda is "${active}" now: --disk vda=${active}`,
        ],
      });
      expect((await nodesIn(daemon)).map((node) => node['node-name']).sort()).toEqual([active, `${active}-file`]);
      expect(await run(daemon.address, ['reconcile'], active)).toMatchObject({ printed: ['nothing was interrupted'] });
    },
  );
});
