import { join } from 'node:path';
import { addBitmaps, attachChain, attachNew, imageOf, takeSnapshot } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest, type Pattern } from '../support/qemu/guest-disk.js';
import { attachImage, createImage } from '../support/qemu/images.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';

/** Makes a world in a folder of its own, and leaves running the daemon that shows it. */
export type World = (qemu: Qemu, folder: string) => Promise<RunningQemu>;

/** Two disks on which nobody has made a checkpoint. */
export async function empty(qemu: Qemu, folder: string): Promise<RunningQemu> {
  const daemon = await startStorageDaemon(qemu);
  for (const nodeName of ['vda', 'vdb']) await attachNew(daemon, folder, nodeName);
  return daemon;
}

/** Two disks, written to after each of two checkpoints. */
export async function basic(qemu: Qemu, folder: string): Promise<RunningQemu> {
  const daemon = await empty(qemu, folder);
  await addBitmaps(daemon.monitor, [
    ['vda', 'monday'],
    ['vdb', 'monday'],
  ]);
  await write(daemon, 'vda', granules(0, 3));
  await write(daemon, 'vdb', granules(8, 1));
  await addBitmaps(daemon.monitor, [
    ['vda', 'tuesday'],
    ['vdb', 'tuesday'],
  ]);
  await write(daemon, 'vda', granules(2, 2));
  return daemon;
}

/**
 * A disk of three layers, each made by a snapshot which took the bitmaps along, with one checkpoint made on each; and a
 * disk of one layer. They were closed cleanly and opened again, so the lower layers are read-only.
 */
export async function layered(qemu: Qemu, folder: string): Promise<RunningQemu> {
  await using before = await startStorageDaemon(qemu);
  const { monitor } = before;
  await attachNew(before, folder, 'vda-base');
  await attachNew(before, folder, 'vdb');
  await addBitmaps(monitor, [
    ['vda-base', 'monday'],
    ['vdb', 'monday'],
  ]);
  await write(before, 'vda-base', granules(0, 4));
  await takeSnapshot(
    before,
    folder,
    ['vda-base', 'vda-middle'],
    [
      ['vda-middle', 'monday'],
      ['vda-middle', 'tuesday'],
      ['vdb', 'tuesday'],
    ],
  );
  await write(before, 'vda-middle', granules(3, 2));
  await takeSnapshot(
    before,
    folder,
    ['vda-middle', 'vda-active'],
    [
      ['vda-active', 'monday'],
      ['vda-active', 'tuesday'],
      ['vda-active', 'wednesday'],
      ['vdb', 'wednesday'],
    ],
  );
  await write(before, 'vda-active', granules(10, 1));
  await before.quit();

  const daemon = await startStorageDaemon(qemu);
  await attachChain(daemon.monitor, folder, ['vda-active', 'vda-middle', 'vda-base']);
  await attachImage(daemon.monitor, { nodeName: 'vdb', filename: imageOf(folder, 'vdb') });
  await write(daemon, 'vda-active', granules(20, 2));
  return daemon;
}

/**
 * A disk of three layers whose bitmaps are called after what is wrong with them, beside a disk that is well. QEMU was
 * killed once while the image was open, which left behind the one that is inconsistent.
 */
export async function unusable(qemu: Qemu, folder: string): Promise<RunningQemu> {
  await using before = await startStorageDaemon(qemu);
  await attachNew(before, folder, 'vda-base');
  await attachNew(before, folder, 'vdb');
  await addBitmaps(before.monitor, [
    ['vda-base', 'usable'],
    ['vda-base', 'gap'],
    ['vda-base', 'not-on-active'],
    ['vda-base', 'disabled-below'],
  ]);
  await write(before, 'vda-base', granules(0, 2));
  await before.monitor.execute('block-dirty-bitmap-disable', { node: 'vda-base', name: 'disabled-below' });
  await takeSnapshot(
    before,
    folder,
    ['vda-base', 'vda-middle'],
    [
      ['vda-middle', 'usable'],
      ['vda-middle', 'not-on-active'],
      ['vda-middle', 'disabled-below'],
    ],
  );
  await write(before, 'vda-middle', granules(4, 1));
  await takeSnapshot(before, folder, ['vda-middle', 'vda-active'], [['vda-active', 'inconsistent']]);
  await before.quit();

  await using killed = await startStorageDaemon(qemu);
  await attachChain(killed.monitor, folder, ['vda-active', 'vda-middle', 'vda-base']);
  await killed.kill('SIGKILL');

  const daemon = await startStorageDaemon(qemu);
  const { monitor } = daemon;
  await attachChain(monitor, folder, ['vda-active', 'vda-middle', 'vda-base']);
  await attachImage(monitor, { nodeName: 'vdb', filename: imageOf(folder, 'vdb') });
  await addBitmaps(monitor, [
    ['vda-active', 'usable'],
    ['vda-active', 'gap'],
    ['vda-active', 'disabled-below'],
    ['vda-active', 'disabled'],
    ['vdb', 'usable'],
  ]);
  await monitor.execute('block-dirty-bitmap-add', { node: 'vda-active', name: 'transient' });
  await write(daemon, 'vda-active', granules(6, 1));
  await monitor.execute('block-dirty-bitmap-disable', { node: 'vda-active', name: 'disabled' });
  return daemon;
}

/** A raw image, a qcow2 of version 2, one opened read-only that has a bitmap, and one where all is well. */
export async function mixed(qemu: Qemu, folder: string): Promise<RunningQemu> {
  await using before = await startStorageDaemon(qemu);
  await attachNew(before, folder, 'vdc');
  await addBitmaps(before.monitor, [['vdc', 'monday']]);
  await write(before, 'vdc', granules(0, 1));
  await before.quit();

  const daemon = await startStorageDaemon(qemu);
  const { monitor } = daemon;
  const raw = await createImage(qemu, join(folder, 'vda.raw'), { format: 'raw' });
  await attachImage(monitor, { nodeName: 'vda', filename: raw, format: 'raw' });
  const old = await createImage(qemu, imageOf(folder, 'vdb'), { options: 'compat=0.10' });
  await attachImage(monitor, { nodeName: 'vdb', filename: old });
  await attachImage(monitor, { nodeName: 'vdc', filename: imageOf(folder, 'vdc'), readOnly: true });
  await attachNew(daemon, folder, 'vdd');
  await addBitmaps(monitor, [['vdd', 'monday']]);
  await write(daemon, 'vdd', granules(1, 1));
  return daemon;
}

/** So many granules of a bitmap, from that one on. */
function granules(first: number, count: number): Pattern {
  return { offset: first * 65536, length: count * 65536, byte: 0x51 };
}

async function write(running: RunningQemu, nodeName: string, pattern: Pattern): Promise<void> {
  const guest = await attachGuest(running, nodeName);
  await guest.write(pattern);
  await guest.detach();
}
