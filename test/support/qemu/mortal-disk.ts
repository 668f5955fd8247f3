import { bitmapOrigins, faultsFrom } from '../../../src/core/check/usable-bitmap.js';
import { type Domain, type Plan, planCreateCheckpoint, planTakeSnapshot } from '../../../src/index.js';
import { connect, observeDomain, type QmpConnection, runPlan } from '../../../src/qmp/index.js';
import { granule, seededRandom } from './busy-guest.js';
import { imageOf } from './disks.js';
import type { Qemu } from './find-qemu.js';
import { attachGuest, type GuestDisk } from './guest-disk.js';
import { attachImage, createImage } from './images.js';
import { type Incremental, incrementalSince } from './incremental.js';
import { changeAtRandom } from './random-changes.js';
import { type RunningQemu, startStorageDaemon } from './start-qemu.js';
import { temporaryFolder } from './temporary-folder.js';

/** Disk vda, whose QEMU can be stopped or killed and started again on the same images; clusters can be given up on it. */
export interface MortalDisk extends AsyncDisposable {
  readonly folder: string;
  readonly guest: GuestDisk;
  observe(): Promise<Domain>;
  /** Runs what is planned on what is there now, and saves the checkpoints it leads to. */
  run(plan: (domain: Domain) => Plan): Promise<Plan>;
  checkpoint(name: string): Promise<void>;
  /** Puts an overlay on; with a name, a checkpoint begins at that instant. */
  snapshot(nodeName: string, checkpoint?: string): Promise<void>;
  /** Random changes, and which granules they touched. */
  change(times: number): Promise<ReadonlySet<number>>;
  /** Ends QEMU, in good order or not, and starts another on the images. */
  restart(end: 'quit' | 'SIGKILL', meanwhile?: () => Promise<unknown>): Promise<void>;
  /** Takes a bitmap off a layer that is open for reading only, as one does that knows nothing of checkpoints. */
  dropBelow(nodeName: string, bitmap: string): Promise<void>;
  /** Why a checkpoint cannot be used, in codes. */
  faults(name: string): Promise<readonly string[]>;
  /** An incremental since a checkpoint, and whether it restores to what is on the disk. */
  restore(name: string): Promise<Incremental & { readonly identical: boolean }>;
}

const diskBytes = 2 ** 24;
export const granules = diskBytes / granule;

export async function mortalDisk(qemu: Qemu, seed = 1): Promise<MortalDisk> {
  const folder = await temporaryFolder();
  const random = seededRandom(seed);
  const layers = ['base'];
  const copies = new Map<string, Buffer>();
  let checkpoints: Domain['checkpoints'] = { checkpoints: [] };
  await createImage(qemu, imageOf(folder.path, 'base'), { size: diskBytes });
  let life = await begin();

  async function begin(): Promise<Life> {
    const daemon = await startStorageDaemon(qemu, { directory: folder.path });
    for (const [place, nodeName] of [...layers.entries()].reverse()) {
      await open(daemon, nodeName, { readOnly: place > 0, backing: layers[place + 1] ?? null });
    }
    return { daemon, guest: await attachGuest(daemon, layers[0] as string), session: await connect(daemon.address) };
  }

  function open(
    { monitor }: RunningQemu,
    nodeName: string,
    how: { readonly readOnly: boolean; readonly backing: string | null },
  ): Promise<void> {
    const filename = imageOf(folder.path, nodeName);
    return attachImage(monitor, { nodeName, filename, ...how, options: { discard: 'unmap' } });
  }

  const disk: MortalDisk = {
    folder: folder.path,
    get guest() {
      return life.guest;
    },
    observe: () =>
      observeDomain(life.session, {
        name: 'mortal',
        disks: [{ diskTarget: 'vda', nodeName: layers[0] as string }],
        checkpoints,
      }),
    async run(plan) {
      const planned = plan(await disk.observe());
      checkpoints = (await runPlan(life.session, planned)).checkpoints;
      return planned;
    },
    async checkpoint(name) {
      await disk.run((domain) => planCreateCheckpoint(domain, { name }, { now: 1_700_000_000 }));
      copies.set(name, await life.guest.read());
    },
    async snapshot(nodeName, name) {
      const filename = imageOf(folder.path, nodeName);
      const backing = { filename: imageOf(folder.path, layers[0] as string), format: 'qcow2' };
      await createImage(qemu, filename, { size: diskBytes, backing });
      await open(life.daemon, nodeName, { readOnly: false, backing: null });
      const checkpoint = name === undefined ? {} : { checkpoint: { name } };
      await disk.run((domain) => {
        const overlay = domain.otherNodes?.find((node) => node.nodeName === nodeName);
        if (overlay === undefined) throw new Error(`node ${nodeName} is not there`);
        return planTakeSnapshot(
          domain,
          { disks: [{ diskTarget: 'vda', overlay }], ...checkpoint },
          { now: 1_700_000_000 },
        );
      });
      layers.unshift(nodeName);
      if (name !== undefined) copies.set(name, await life.guest.read());
    },
    change: (times) => changeAtRandom(life.guest, { granules, times, random }),
    async restart(end, meanwhile) {
      await life.session.close();
      if (end === 'quit') {
        await life.guest.detach();
        await life.daemon.quit();
      } else await life.daemon.kill(end);
      await life.daemon[Symbol.asyncDispose]();
      await meanwhile?.();
      life = await begin();
    },
    async dropBelow(nodeName, name) {
      const backing = layers[layers.indexOf(nodeName) + 1];
      const reopen = (readOnly: boolean) => {
        const options = { driver: 'qcow2', 'node-name': nodeName, file: `${nodeName}-file`, 'read-only': readOnly };
        return life.session.execute('blockdev-reopen', {
          options: [{ ...options, discard: 'unmap', ...(backing !== undefined && { backing }) }],
        });
      };
      await reopen(false);
      await life.session.execute('block-dirty-bitmap-remove', { node: nodeName, name });
      await reopen(true);
    },
    async faults(name) {
      const domain = await disk.observe();
      const origins = bitmapOrigins(domain.checkpoints, 'vda');
      const chain = domain.disks[0]?.backingChain ?? [];
      return faultsFrom(chain, 0, name, { origins, diskTarget: 'vda' }).map(({ code }) => code);
    },
    async restore(name) {
      const base = copies.get(name);
      if (base === undefined) throw new Error(`no copy was kept at checkpoint ${name}`);
      const domain = await disk.observe();
      const found = await incrementalSince(life.daemon, folder.path, domain, { diskTarget: 'vda', bitmap: name, base });
      return { ...found, identical: found.restored.equals(await life.guest.read()) };
    },
    async [Symbol.asyncDispose]() {
      await life.session.close();
      await life.daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return disk;
}

interface Life {
  readonly daemon: RunningQemu;
  readonly guest: GuestDisk;
  readonly session: QmpConnection;
}
