import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BlockNode, type Domain, planCreateCheckpoint } from '../../src/index.js';
import { QmpCommandError } from '../../src/qmp/index.js';
import { now } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { addBitmaps, attachNew, imageOf } from '../support/qemu/disks.js';
import { attachImage, createImage, readImageInfo } from '../support/qemu/images.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { sendPlan } from '../support/qemu/send-plan.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

interface LastDisk {
  readonly what: string;
  /** Makes the third disk. */
  readonly attach: (daemon: RunningQemu, folder: string) => Promise<void>;
  /** What the plan is made to believe of it. */
  readonly believe?: Partial<BlockNode>;
  /** Changed by someone else between the look and the transaction. */
  readonly meanwhile?: (daemon: RunningQemu) => Promise<void>;
  readonly text: string;
}

const attachQcow2 = (daemon: RunningQemu, folder: string) => attachNew(daemon, folder, 'vdc');

const lastDisks: readonly LastDisk[] = [
  {
    what: 'its node is not known to QEMU',
    attach: attachQcow2,
    believe: { nodeName: 'gone' },
    text: "Cannot find device='gone' nor node-name='gone'",
  },
  {
    what: 'its image is raw',
    async attach({ qemu, monitor }, folder) {
      const filename = await createImage(qemu, join(folder, 'vdc.raw'), { format: 'raw' });
      await attachImage(monitor, { nodeName: 'vdc', filename, format: 'raw' });
    },
    believe: { format: 'qcow2' },
    text: "Can't store persistent bitmaps to vdc: Operation not supported",
  },
  {
    what: 'its image is of version 2',
    async attach({ qemu, monitor }, folder) {
      const filename = await createImage(qemu, imageOf(folder, 'vdc'), { options: 'compat=0.10' });
      await attachImage(monitor, { nodeName: 'vdc', filename });
    },
    believe: { qcow2Version: 3 },
    text: "Can't make bitmap 'monday' persistent in 'vdc': Cannot store dirty bitmaps in qcow2 v2 files",
  },
  {
    what: 'someone else has made a bitmap of that name there meanwhile',
    attach: attachQcow2,
    meanwhile: ({ monitor }) => addBitmaps(monitor, [['vdc', 'monday']]),
    text: 'Bitmap already exists: monday',
  },
];

describeOnEachQemu('a checkpoint whose last disk fails', (qemu) => {
  describe.each(lastDisks)('because $what', ({ attach, believe = {}, meanwhile, text }) => {
    it('leaves no bitmap on the others, in QEMU or in an image, and the metadata as it was', async () => {
      await using folder = await temporaryFolder();
      await using daemon = await startStorageDaemon(qemu);
      for (const target of ['vda', 'vdb']) await attachNew(daemon, folder.path, target);
      await attach(daemon, folder.path);
      const domain = deepFreeze(withLastNode(await look(daemon), believe));
      const plan = planCreateCheckpoint(domain, { name: 'monday' }, { now });
      await meanwhile?.(daemon);
      const others = await look(daemon);

      const failure = await sendPlan(daemon.monitor, plan).catch((cause: unknown) => cause);
      expect(failure).toBeInstanceOf(QmpCommandError);
      expect(failure).toMatchObject({ command: 'transaction', desc: text });
      expect(domain.checkpoints).toStrictEqual({ checkpoints: [] });
      expect(await look(daemon)).toStrictEqual(others);

      await daemon.quit();
      for (const target of ['vda', 'vdb']) {
        const info = await readImageInfo(qemu, imageOf(folder.path, target));
        expect(info['format-specific']?.data?.bitmaps).toBeUndefined();
      }
    });
  });
});

function look({ monitor }: RunningQemu): Promise<Domain> {
  return lookAtDomain(monitor, [
    ['vda', 'vda'],
    ['vdb', 'vdb'],
    ['vdc', 'vdc'],
  ]);
}

function withLastNode(domain: Domain, change: Partial<BlockNode>): Domain {
  const disks = domain.disks.map((disk) =>
    disk.diskTarget === 'vdc'
      ? { ...disk, backingChain: disk.backingChain.map((node) => ({ ...node, ...change })) }
      : disk,
  );
  return { ...domain, disks };
}
