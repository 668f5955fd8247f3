import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type CheckpointDiskDefinition, checkCreateCheckpoint, checkDeleteCheckpoint } from '../../src/index.js';
import { formatTransaction, type QmpCommandError } from '../../src/qmp/index.js';
import { checkpoint, now, tree } from '../support/builders.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { addBitmaps, attachChain, attachNew, imageOf } from '../support/qemu/disks.js';
import { attachImage, createImage, readImageInfo } from '../support/qemu/images.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

interface Refusal {
  readonly what: string;
  readonly code: string;
  /** Makes the node vda. */
  readonly attach: (daemon: RunningQemu, folder: string) => Promise<void>;
  readonly asked?: Pick<CheckpointDiskDefinition, 'bitmap' | 'granularity'>;
  /** QEMU's text; absent: QEMU takes the bitmap. */
  readonly text?: string;
  /** QEMU takes the bitmap and it is not in the image afterwards. */
  readonly lost?: true;
}

const attachFresh = (daemon: RunningQemu, folder: string) => attachNew(daemon, folder, 'vda');
const attachOfSize = (size: number) => async (daemon: RunningQemu, folder: string) => {
  const filename = await createImage(daemon.qemu, imageOf(folder, 'vda'), { size });
  await attachImage(daemon.monitor, { nodeName: 'vda', filename });
};

// An image that is full of bitmaps is missing: QEMU takes many minutes to make 65535 of them.
const refusals: readonly Refusal[] = [
  {
    what: 'a raw image',
    code: 'format-unsupported',
    async attach({ qemu, monitor }, folder) {
      const filename = await createImage(qemu, join(folder, 'vda.raw'), { format: 'raw' });
      await attachImage(monitor, { nodeName: 'vda', filename, format: 'raw' });
    },
    text: "Can't store persistent bitmaps to vda: Operation not supported",
  },
  {
    what: 'a qcow2 image of version 2',
    code: 'qcow2-version-unsupported',
    async attach({ qemu, monitor }, folder) {
      const filename = await createImage(qemu, imageOf(folder, 'vda'), { options: 'compat=0.10' });
      await attachImage(monitor, { nodeName: 'vda', filename });
    },
    text: "Can't make bitmap 'monday' persistent in 'vda': Cannot store dirty bitmaps in qcow2 v2 files",
  },
  {
    what: 'a read-only node',
    code: 'node-read-only',
    async attach({ qemu, monitor }, folder) {
      const filename = await createImage(qemu, imageOf(folder, 'vda'));
      await attachImage(monitor, { nodeName: 'vda', filename, readOnly: true });
    },
    lost: true,
  },
  {
    what: 'an empty bitmap name',
    code: 'bitmap-name-invalid',
    attach: attachFresh,
    asked: { bitmap: '' },
    text: 'Bitmap name cannot be empty',
  },
  {
    what: 'a bitmap name of 1024 bytes in 512 characters',
    code: 'bitmap-name-invalid',
    attach: attachFresh,
    asked: { bitmap: 'é'.repeat(512) },
    text: `Can't make bitmap '${'é'.repeat(512)}' persistent in 'vda': Name length exceeds maximum (1023 characters)`,
  },
  {
    what: 'a line break in a bitmap name, which is ours to refuse',
    code: 'bitmap-name-invalid',
    attach: attachFresh,
    asked: { bitmap: 'mon\nday' },
  },
  {
    what: 'a bitmap that is there',
    code: 'bitmap-exists',
    async attach(daemon, folder) {
      await attachFresh(daemon, folder);
      await addBitmaps(daemon.monitor, [['vda', 'monday']]);
    },
    text: 'Bitmap already exists: monday',
  },
  {
    what: 'a bitmap that is there and inconsistent',
    code: 'bitmap-exists',
    attach: attachInconsistent,
    text: 'Bitmap already exists: monday',
  },
  ...[256, 65537].map((granularity) => ({
    what: `a granularity of ${granularity}`,
    code: 'granularity-invalid',
    attach: attachFresh,
    asked: { granularity },
    text: 'Granularity must be power of 2 and at least 512',
  })),
  {
    what: 'a granularity of 4 GiB',
    code: 'granularity-invalid',
    attach: attachFresh,
    asked: { granularity: 2 ** 32 },
    text: "Parameter 'granularity' expects uint32_t",
  },
  {
    what: 'a bitmap of more than 512 MiB, with the finest granularity',
    code: 'bitmap-too-large',
    attach: attachOfSize(2 ** 41 + 512),
    asked: { granularity: 512 },
    text: "Can't make bitmap 'monday' persistent in 'vda': Too much space will be occupied by the bitmap. Use larger granularity",
  },
  {
    what: 'a bitmap of more than 512 MiB, with the granularity left to QEMU',
    code: 'bitmap-too-large',
    attach: attachOfSize(2 ** 48 + 65536),
    text: "Can't make bitmap 'monday' persistent in 'vda': Too much space will be occupied by the bitmap. Use larger granularity",
  },
];

const limits: readonly Pick<Refusal, 'what' | 'attach' | 'asked'>[] = [
  { what: 'a bitmap name of 1023 bytes', attach: attachFresh, asked: { bitmap: `${'é'.repeat(511)}e` } },
  { what: 'a granularity of 512 bytes', attach: attachFresh, asked: { granularity: 512 } },
  { what: 'a granularity of 2 GiB', attach: attachFresh, asked: { granularity: 2 ** 31 } },
  { what: 'a bitmap of just 512 MiB', attach: attachOfSize(2 ** 41), asked: { granularity: 512 } },
];

describeOnEachQemu('what keeps a bitmap from being made', (qemu) => {
  it.each(refusals)('is seen beforehand, and true: $what', async ({ code, attach, asked, text, lost }) => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    await attach(daemon, folder.path);
    expect(await checkNew(daemon, asked)).toStrictEqual([code]);
    expect(await addRaw(daemon, asked)).toBe(text);
    if (lost === undefined) return;
    expect(await daemon.quit()).toStrictEqual({ code: 0, signal: null });
    expect(daemon.output.stderr).toContain(
      "Lost persistent bitmaps during inactivation of node 'vda': No write access",
    );
    const info = await readImageInfo(qemu, imageOf(folder.path, 'vda'));
    expect(info['format-specific']?.data?.bitmaps).toBeUndefined();
  });

  it.each(limits)('begins beyond $what', async ({ attach, asked }) => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    await attach(daemon, folder.path);
    expect(await checkNew(daemon, asked)).toStrictEqual([]);
    expect(await addRaw(daemon, asked)).toBeUndefined();
    expect(await daemon.quit()).toStrictEqual({ code: 0, signal: null });
    const info = await readImageInfo(qemu, imageOf(folder.path, 'vda'));
    const [stored] = info['format-specific']?.data?.bitmaps ?? [];
    expect(stored).toMatchObject({ name: asked?.bitmap ?? 'monday', flags: ['auto'] });
  });
});

describeOnEachQemu('what keeps a bitmap from being removed', (qemu) => {
  const monday = tree([checkpoint('monday')]);

  it('is seen beforehand, and true: an export that holds it', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    const { monitor } = daemon;
    await attachFresh(daemon, folder.path);
    await addBitmaps(monitor, [['vda', 'monday']]);
    await monitor.execute('block-dirty-bitmap-disable', { node: 'vda', name: 'monday' });
    await monitor.execute('block-export-add', { type: 'nbd', id: 'x', 'node-name': 'vda', bitmaps: ['monday'] });
    expect(await checkDelete(daemon, monday)).toStrictEqual(['bitmap-busy']);
    expect(await removeRaw(daemon)).toBe("Bitmap 'monday' is currently in use by another operation and cannot be used");
  });

  it('is seen beforehand, and true: a read-only node whose name QEMU made up', async () => {
    await using folder = await temporaryFolder();
    await using before = await startStorageDaemon(qemu);
    await attachFresh(before, folder.path);
    await addBitmaps(before.monitor, [['vda', 'monday']]);
    await before.quit();

    await using daemon = await startStorageDaemon(qemu);
    const backing = { filename: imageOf(folder.path, 'vda'), format: 'qcow2' };
    const filename = await createImage(qemu, imageOf(folder.path, 'top'), { backing });
    await attachImage(daemon.monitor, { nodeName: 'top', filename });
    await addBitmaps(daemon.monitor, [['top', 'monday']]);
    expect(await checkDelete(daemon, monday, 'top')).toStrictEqual(['node-not-reopenable']);

    const { disks } = await lookAtDomain(daemon.monitor, [['vda', 'top']]);
    const base = disks[0]?.backingChain[1];
    const options = [{ driver: 'qcow2', 'node-name': base?.nodeName, file: base?.fileNodeName }];
    expect(await removeRaw(daemon, base?.nodeName)).toBe("Bitmap 'monday' is readonly and cannot be modified");
    expect(await textOf(daemon.monitor.execute('blockdev-reopen', { options }))).toBe(
      "Cannot change the option 'node-name'",
    );
  });

  it('is nothing where QEMU was killed: an inconsistent bitmap can go', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    await attachInconsistent(daemon, folder.path);
    expect(await checkDelete(daemon, monday)).toStrictEqual([]);
    expect(await removeRaw(daemon)).toBeUndefined();
  });
});

/** The image is left by a QEMU that was killed with a bitmap loaded from it. */
async function attachInconsistent({ qemu, monitor }: RunningQemu, folder: string): Promise<void> {
  await using maker = await startStorageDaemon(qemu);
  await attachFresh(maker, folder);
  await addBitmaps(maker.monitor, [['vda', 'monday']]);
  await maker.quit();
  await using killed = await startStorageDaemon(qemu);
  await attachChain(killed.monitor, folder, ['vda']);
  await killed.kill('SIGKILL');
  await attachChain(monitor, folder, ['vda']);
}

async function checkNew({ monitor }: RunningQemu, asked: Refusal['asked']): Promise<readonly string[]> {
  const domain = await lookAtDomain(monitor, [['vda', 'vda']]);
  // A disk that is read-only itself is another problem: the guest is to have one that it may write to.
  const disks = domain.disks.map((disk) => ({ ...disk, readOnly: false }));
  const definition = { name: 'monday', disks: [{ disk: 'vda', ...asked }] };
  return checkCreateCheckpoint({ ...domain, disks }, definition, { now }).map(({ code }) => code);
}

async function checkDelete(
  { monitor }: RunningQemu,
  checkpoints: Parameters<typeof lookAtDomain>[2],
  nodeName = 'vda',
): Promise<readonly string[]> {
  const domain = await lookAtDomain(monitor, [['vda', nodeName]], checkpoints);
  return checkDeleteCheckpoint(domain, 'monday').map(({ code }) => code);
}

/** What QEMU says to the action that a plan would have had, unasked. */
function addRaw({ monitor }: RunningQemu, { bitmap = 'monday', granularity }: Refusal['asked'] = {}) {
  const asked = granularity === undefined ? {} : { granularity };
  const action = { kind: 'bitmap-add', nodeName: 'vda', bitmap, persistent: true, recording: true, ...asked } as const;
  const { execute, arguments: args } = formatTransaction([action]);
  return textOf(monitor.execute(execute, args));
}

function removeRaw({ monitor }: RunningQemu, nodeName = 'vda') {
  const { execute, arguments: args } = formatTransaction([{ kind: 'bitmap-remove', nodeName, bitmap: 'monday' }]);
  return textOf(monitor.execute(execute, args));
}

/** QEMU's words where it refuses. */
async function textOf(reply: Promise<unknown>): Promise<string | undefined> {
  try {
    await reply;
    return undefined;
  } catch (cause) {
    return (cause as QmpCommandError).desc;
  }
}
