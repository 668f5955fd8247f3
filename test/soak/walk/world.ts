import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CheckpointTree, Domain } from '../../../src/index.js';
import { connect, observeDomain, type QmpConnection } from '../../../src/live.js';
import { imageOf } from '../../support/qemu/disks.js';
import type { Qemu } from '../../support/qemu/find-qemu.js';
import { attachGuest, type GuestDisk } from '../../support/qemu/guest-disk.js';
import { attachImage, createImage } from '../../support/qemu/images.js';
import { type RunningQemu, startStorageDaemon } from '../../support/qemu/start-qemu.js';
import { temporaryFolder } from '../../support/qemu/temporary-folder.js';
import { activeOf, modelDisk, type WalkModel } from './model.js';
import type { NewLayer } from './operations.js';

const run = promisify(execFile);

/** A daemon with the disks that are walked on, and what is expected of them. */
export interface WalkWorld extends AsyncDisposable {
  readonly folder: string;
  readonly model: WalkModel;
  /** Another after each restart, as all below. */
  daemon: RunningQemu;
  session: QmpConnection;
  guests: ReadonlyMap<string, GuestDisk>;
  /** The checkpoints as the last plan left them. */
  saved: CheckpointTree;
}

export async function walkWorld(qemu: Qemu, diskTargets: readonly string[]): Promise<WalkWorld> {
  const folder = await temporaryFolder();
  const daemon = await startStorageDaemon(qemu, { directory: folder.path });
  const disks = diskTargets.map((diskTarget) => modelDisk(diskTarget, `${diskTarget}-0`));
  for (const disk of disks) {
    const filename = await createImage(qemu, imageOf(folder.path, activeOf(disk)));
    await attachImage(daemon.monitor, { nodeName: activeOf(disk), filename, options: { discard: 'unmap' } });
  }
  const world: WalkWorld = {
    folder: folder.path,
    model: { disks, checkpoints: [] },
    daemon,
    session: await connect(daemon.address),
    guests: new Map(),
    saved: { checkpoints: [] },
    async [Symbol.asyncDispose]() {
      await world.daemon[Symbol.asyncDispose]();
      await world.session.close();
      await folder[Symbol.asyncDispose]();
    },
  };
  world.guests = await attachGuests(world);
  return world;
}

export function observeWalk({ session, model: { disks }, saved: checkpoints }: WalkWorld): Promise<Domain> {
  const mapped = disks.map((disk) => ({ diskTarget: disk.diskTarget, nodeName: activeOf(disk) }));
  return observeDomain(session, { name: 'walk', disks: mapped, checkpoints });
}

/** Ends QEMU as it ends when a machine is shut down, looks at its images, and starts it again on them. */
export async function restart(world: WalkWorld): Promise<void> {
  const { daemon, folder, model } = world;
  await shutDown(world);
  await daemon[Symbol.asyncDispose]();
  world.daemon = await startStorageDaemon(daemon.qemu, { directory: folder });
  for (const { layers, unmapping, leftOpen } of model.disks) {
    for (const nodeName of layers) unmapping.add(nodeName);
    leftOpen.clear();
    for (const [place, nodeName] of [...layers.entries()].reverse()) {
      const below = layers[place + 1];
      await attachImage(world.daemon.monitor, {
        nodeName,
        filename: imageOf(folder, nodeName),
        readOnly: place > 0,
        ...(below !== undefined && { backing: below }),
        options: { discard: 'unmap' },
      });
    }
  }
  world.session = await connect(world.daemon.address);
  world.guests = await attachGuests(world);
}

/** Ends QEMU, which is to store all bitmaps, to say nothing about it, and to leave images without a fault. */
export async function shutDown({ daemon, session, guests, folder, model }: WalkWorld): Promise<void> {
  await session.close();
  for (const guest of guests.values()) await guest.detach();
  const { code, signal } = await daemon.quit();
  const complaint = daemon.output.stderr.trim();
  if (code !== 0 || complaint !== '') throw new Error(`QEMU ended with ${signal ?? code}: ${complaint}`);
  for (const nodeName of model.disks.flatMap(({ layers }) => layers)) {
    await run(daemon.qemu.img, ['check', '-q', imageOf(folder, nodeName)]);
  }
}

/** Adds a node for a plan to use; `backing`: what it stands on, and `opened`: already before the plan. */
export async function prepare(
  { daemon: { qemu, monitor }, folder }: WalkWorld,
  { nodeName }: NewLayer,
  { backing, opened }: { readonly backing?: string; readonly opened: boolean },
): Promise<void> {
  const header = backing === undefined ? {} : { backing: { filename: imageOf(folder, backing), format: 'qcow2' } };
  const filename = await createImage(qemu, imageOf(folder, nodeName), header);
  const below = opened && backing !== undefined ? backing : null;
  await attachImage(monitor, { nodeName, filename, backing: below, options: { discard: 'unmap' } });
}

/** Takes away a node that no plan has used. */
export async function putAway({ daemon: { monitor } }: WalkWorld, { nodeName }: NewLayer): Promise<void> {
  for (const name of [nodeName, `${nodeName}-file`]) await monitor.execute('blockdev-del', { 'node-name': name });
}

async function attachGuests({ daemon, model: { disks } }: WalkWorld): Promise<ReadonlyMap<string, GuestDisk>> {
  const guests = new Map<string, GuestDisk>();
  for (const disk of disks) guests.set(disk.diskTarget, await attachGuest(daemon, activeOf(disk)));
  return guests;
}
