import { join } from 'node:path';
import {
  checkBitmapChain,
  type Domain,
  findCheckpoint,
  type Plan,
  planCreateCheckpoint,
  planTakeSnapshot,
} from '../../src/index.js';
import {
  type CheckpointStore,
  checkpointStore,
  connect,
  observeDomain,
  type QmpSession,
  runPlan,
} from '../../src/live.js';
import { type BusyGuest, busyGuest, granule, seededRandom } from '../support/qemu/busy-guest.js';
import { attachNew } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { incrementalSince } from '../support/qemu/incremental.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

const granules = 256;

/** One disk, vda, `top` on `middle` on `base`, with a checkpoint made on each, a store, a busy guest, and copies to judge by. */
export interface LayersWorld extends AsyncDisposable {
  readonly daemon: RunningQemu;
  readonly folder: string;
  /** The folder of the store. */
  readonly store: string;
  readonly disk: GuestDisk;
  readonly guest: BusyGuest;
  /** All that was on the disk at each checkpoint. */
  readonly bases: ReadonlyMap<string, Buffer>;
  /** What is going on, to be told where it hangs. */
  doing: string;
}

export async function layersWorld(qemu: Qemu, seed: number): Promise<LayersWorld> {
  const folder = await temporaryFolder();
  const daemon = await startStorageDaemon(qemu, { directory: folder.path });
  await attachNew(daemon, folder.path, 'base');
  const disk = await attachGuest(daemon, 'base');
  const guest = busyGuest(disk, granules, seededRandom(seed));
  const bases = new Map<string, Buffer>();
  const store = join(folder.path, 'store');
  const run = async (active: string, plan: (domain: Domain) => Plan) => {
    await using opened = await checkpointStore(store);
    await using session = await connect(daemon.address);
    const { checkpoints } = await opened.load();
    const disks = [{ diskTarget: 'vda', nodeName: active }];
    const domain = await observeDomain(session, { name: 'layered', disks, checkpoints });
    const planned = plan(domain);
    await opened.run(domain, planned, () => runPlan(session, planned));
  };
  let below = '';
  for (const nodeName of ['base', 'middle', 'top']) {
    const overlay = { nodeName, filename: join(folder.path, `${nodeName}.qcow2`) };
    if (below !== '')
      await run(below, (domain) => planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] }));
    await writeSome(guest, 2);
    const name = `on-${nodeName}`;
    await run(nodeName, (domain) => planCreateCheckpoint(domain, { name }, { now: 1_700_000_000 }));
    guest.mark(name);
    bases.set(name, await disk.read());
    await writeSome(guest, 2);
    below = nodeName;
  }
  return {
    daemon,
    folder: folder.path,
    store,
    disk,
    guest,
    bases,
    doing: '',
    async [Symbol.asyncDispose]() {
      // A guest that hangs comes to rest when its QEMU is gone.
      await daemon[Symbol.asyncDispose]();
      await guest.rest().catch(() => undefined);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Lets the guest write so many batches. */
export async function writeSome(guest: BusyGuest, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch += 1) {
    guest.start();
    await guest.rest();
  }
}

/** The layer that the guest writes to now, as QEMU tells it. */
export async function activeOf({ monitor }: RunningQemu): Promise<string> {
  const exports = (await monitor.execute('query-block-exports')) as readonly { readonly 'node-name': string }[];
  const nodeName = exports[0]?.['node-name'] ?? '';
  // As long as a job goes on, its filter stands above the layer that the guest wrote to before.
  return nodeName.startsWith('#') ? 'top' : nodeName;
}

/** The domain as it is on a running QEMU, with the checkpoints of a store. */
export async function observeLayers(daemon: RunningQemu, session: QmpSession, store: Pick<CheckpointStore, 'load'>) {
  const { checkpoints } = await store.load();
  const disks = [{ diskTarget: 'vda', nodeName: await activeOf(daemon) }];
  return await observeDomain(session, { name: 'layered', disks, checkpoints });
}

/** How the checkpoints of a store fare on a running QEMU. */
export interface Judgement {
  /** Those that seem usable, and restore to the right bytes or not; with the bytes that they hold beyond those written. */
  readonly usable: ReadonlyMap<string, { readonly isRight: boolean; readonly excess: number }>;
  /** Those that are said not to be, and why, in codes. */
  readonly unusable: ReadonlyMap<string, readonly string[]>;
}

/** Restores an incremental since each checkpoint that seems usable, and compares it with the disk. */
export async function judge(
  { folder, store, guest, bases }: Pick<LayersWorld, 'folder' | 'store' | 'guest' | 'bases'>,
  daemon: RunningQemu,
  disk: GuestDisk,
): Promise<Judgement> {
  const now = await disk.read();
  const usable = new Map<string, { isRight: boolean; excess: number }>();
  const unusable = new Map<string, readonly string[]>();
  await using opened = await checkpointStore(store, { readOnly: true });
  await using session = await connect(daemon.address);
  for (const [name, base] of bases) {
    const domain = await observeLayers(daemon, session, opened);
    const found = findCheckpoint(domain.checkpoints, name)?.disks.find(({ diskTarget }) => diskTarget === 'vda');
    const { bitmap = '', madeOn = '' } = found ?? {};
    const chain = domain.disks[0]?.backingChain ?? [];
    const problems = checkBitmapChain(chain, bitmap, { diskTarget: 'vda', madeOn });
    if (problems.length > 0) {
      unusable.set(name, [...new Set(problems.map(({ code }) => code))]);
      continue;
    }
    const { restored, bitmapBytes } = await incrementalSince(daemon, folder, domain, {
      diskTarget: 'vda',
      bitmap,
      base,
    });
    const excess = bitmapBytes - guest.writtenSince(name).size * granule;
    usable.set(name, { isRight: restored.equals(now), excess });
  }
  return { usable, unusable };
}
