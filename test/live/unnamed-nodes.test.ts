import { expect, it } from 'vitest';
import { layeredDomain, startLayered } from '../support/live/live-layers.js';
import { bitmapsIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { imageOf } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachImage } from '../support/qemu/images.js';
import { qmpProxy } from '../support/qemu/qmp-proxy.js';
import { type RunningQemu, startStorageDaemon, startSystem } from '../support/qemu/start-qemu.js';

interface Opening {
  /** Opens vda in three layers, and vdb. */
  readonly open: (qemu: Qemu, folder: string) => Promise<RunningQemu>;
  readonly mapping: readonly string[];
  /** What is told of the two layers below the active one. */
  readonly problem: RegExp;
}

const byNode = ['--disk=vda=vda-active', '--disk=vdb=vdb'];
const lowerLayers = ['vda-base', 'vda-middle'];

const openings: readonly (readonly [string, Opening])[] = [
  [
    'drives, whose nodes are named by QEMU',
    {
      open: (qemu, folder) =>
        startSystem(qemu, {
          args: [
            ...['-drive', `if=none,id=vda,format=qcow2,file=${imageOf(folder, 'vda-active')}`],
            ...['-drive', `if=none,id=vdb,format=qcow2,file=${imageOf(folder, 'vdb')}`],
          ],
        }),
      mapping: [],
      problem: /^node "#block\d+" \(disk vda\) is read-only and its name was made up by QEMU, which refuses to reopen/,
    },
  ],
  [
    'layers that QEMU opened by the header of the one above',
    {
      async open(qemu, folder) {
        const daemon = await startStorageDaemon(qemu);
        for (const nodeName of ['vda-active', 'vdb']) {
          await attachImage(daemon.monitor, { nodeName, filename: imageOf(folder, nodeName) });
        }
        return daemon;
      },
      mapping: byNode,
      problem: /^node "#block\d+" \(disk vda\) is read-only and its name was made up by QEMU, which refuses to reopen/,
    },
  ],
  [
    'layers whose protocol layer is written inline',
    {
      open: (qemu, folder) =>
        openLayers(qemu, folder, (filename) => ({ driver: 'file', filename, 'auto-read-only': true })),
      mapping: byNode,
      problem:
        /^node "vda-(middle|base)" \(disk vda\) is read-only and its protocol layer, .* has no known name of its own/,
    },
  ],
  [
    'layers whose protocol layer is read-only for good',
    {
      open: (qemu, folder) =>
        openLayers(qemu, folder, async (filename, { monitor }, nodeName) => {
          const name = `${nodeName}-file`;
          const isLower = lowerLayers.includes(nodeName);
          await monitor.execute('blockdev-add', { driver: 'file', 'node-name': name, filename, 'read-only': isLower });
          return name;
        }),
      mapping: byNode,
      problem:
        /^node "vda-(middle|base)" \(disk vda\) is read-only and so is its protocol layer; add the protocol layer/,
    },
  ],
];

describeOnEachQemu('a checkpoint on layers that cannot be opened for writing', (qemu) => {
  it.each(openings)('by %s, is not deleted, and nothing is sent for it', async (_, { open, mapping, problem }) => {
    await using domain = await layeredDomain(qemu);
    await using before = await startLayered(qemu, domain);
    await before.quit();
    await using running = await open(qemu, domain.folder);
    await using proxy = await qmpProxy(running.address);
    const run = (...words: readonly string[]) =>
      runLine([...words, '--qmp', proxy.address, '--store', domain.store, ...mapping]);
    expect(await run('check')).toMatchObject({ status: 0, complained: [] });
    const bitmaps = await bitmapsIn(running);

    for (const words of [
      ['delete', 'monday'],
      ['delete', 'monday', '--dry-run'],
    ]) {
      const outcome = await run(...words);
      expect(outcome).toMatchObject({ status: 1, printed: [] });
      expect(outcome.complained).toEqual([expect.stringMatching(problem), expect.stringMatching(problem)]);
    }
    expect(await bitmapsIn(running)).toEqual(bitmaps);
    expect(proxy.sent.filter(({ execute }) => !execute.startsWith('query-'))).toEqual([]);

    // What does not need them goes on.
    expect(await run('create', 'thursday')).toMatchObject({ status: 0 });
    expect(await run('delete', 'wednesday')).toMatchObject({ status: 0 });
    expect(await run('delete', 'monday', '--metadata-only')).toMatchObject({ status: 0 });
    expect(await run('check')).toMatchObject({
      status: 0,
      printed: ['2 of 2 checkpoints can be used on all their disks'],
    });
  });
});

/** @param fileOf - The protocol layer of an image: its node-name, or all of it. */
async function openLayers(
  qemu: Qemu,
  folder: string,
  fileOf: (filename: string, running: RunningQemu, nodeName: string) => unknown,
): Promise<RunningQemu> {
  const daemon = await startStorageDaemon(qemu);
  let backing: string | undefined;
  for (const nodeName of [...lowerLayers, 'vda-active', 'vdb']) {
    if (nodeName === 'vdb') backing = undefined;
    const file = await fileOf(imageOf(folder, nodeName), daemon, nodeName);
    await daemon.monitor.execute('blockdev-add', {
      driver: 'qcow2',
      'node-name': nodeName,
      file,
      'read-only': lowerLayers.includes(nodeName),
      ...(backing !== undefined && { backing }),
    });
    backing = nodeName;
  }
  return daemon;
}
