import { join } from 'node:path';
import { type Domain, planCreateCheckpoint } from '../../src/index.js';
import {
  type CheckpointStore,
  checkpointStore,
  connect,
  observeDomain,
  type QmpSession,
  runPlan,
} from '../../src/live.js';
import { attachNew, takeSnapshot } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

/** A daemon with vda in three layers and vdb in one, a store, and two checkpoints made on each layer of vda. */
export interface SoakWorld extends AsyncDisposable {
  readonly daemon: RunningQemu;
  /** The folder of the store. */
  readonly store: string;
}

export async function soakWorld(qemu: Qemu): Promise<SoakWorld> {
  const folder = await temporaryFolder();
  const daemon = await startStorageDaemon(qemu, { directory: folder.path });
  const store = join(folder.path, 'store');
  for (const nodeName of ['base', 'vdb']) await attachNew(daemon, folder.path, nodeName);
  await makeCheckpoints(daemon, folder.path, store);
  return {
    daemon,
    store,
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The guests write a granule of their own after each checkpoint, so that no two hold the same. */
async function makeCheckpoints(daemon: RunningQemu, folder: string, path: string): Promise<void> {
  const guests = [await attachGuest(daemon, 'base'), await attachGuest(daemon, 'vdb')];
  await using store = await checkpointStore(path);
  await using session = await connect(daemon.address);
  let below: string | undefined;
  let granule = 0;
  for (const nodeName of ['base', 'middle', 'vda']) {
    const { checkpoints } = (await store.load()).checkpoints;
    const carried = checkpoints.map(({ name }) => [nodeName, name] as const);
    if (below !== undefined) await takeSnapshot(daemon, folder, [below, nodeName], carried);
    for (const name of [`${nodeName}-1`, `${nodeName}-2`]) {
      const domain = await observeWorld(session, store, nodeName);
      const plan = planCreateCheckpoint(domain, { name }, { now: 1_700_000_000 + granule });
      await store.run(domain, plan, () => runPlan(session, plan));
      granule += 1;
      for (const guest of guests) await guest.write({ offset: granule * 65536, length: 65536, byte: granule });
    }
    below = nodeName;
  }
  for (const guest of guests) await guest.detach();
}

/** @param active - Node-name of vda's active layer. */
export async function observeWorld(
  session: QmpSession,
  store: Pick<CheckpointStore, 'load'>,
  active = 'vda',
): Promise<Domain> {
  const disks = [
    { diskTarget: 'vda', nodeName: active },
    { diskTarget: 'vdb', nodeName: 'vdb' },
  ];
  return await observeDomain(session, { name: 'soak', disks, checkpoints: (await store.load()).checkpoints });
}
