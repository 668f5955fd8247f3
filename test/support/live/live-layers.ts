import { checkpointStore } from '../../../src/live.js';
import { layered } from '../../record/worlds.js';
import { checkpoint, tree } from '../builders.js';
import { imageOf } from '../qemu/disks.js';
import type { Qemu } from '../qemu/find-qemu.js';
import type { RunningQemu } from '../qemu/start-qemu.js';
import { type LiveDomain, liveDomain } from './live-domain.js';

/** A domain whose disk vda has three layers; vdb has one. */
export function layeredDomain(qemu: Qemu): Promise<LiveDomain> {
  return liveDomain(qemu, { vda: ['vda-active', 'vda-middle', 'vda-base'], vdb: ['vdb'] });
}

/** Starts it with monday, tuesday and wednesday, made on one layer of vda after the other, the base first. */
export async function startLayered(qemu: Qemu, { folder, store: path }: LiveDomain): Promise<RunningQemu> {
  const daemon = await layered(qemu, folder);
  const madeOn = (name: string, node: string) => [
    { diskTarget: 'vda', bitmap: name, madeOn: imageOf(folder, node) },
    { diskTarget: 'vdb', bitmap: name, madeOn: imageOf(folder, 'vdb') },
  ];
  await using store = await checkpointStore(path);
  await store.save(
    tree([
      checkpoint('monday', { disks: madeOn('monday', 'vda-base') }),
      checkpoint('tuesday', { disks: madeOn('tuesday', 'vda-middle'), parent: 'monday' }),
      checkpoint('wednesday', { disks: madeOn('wednesday', 'vda-active'), parent: 'tuesday' }),
    ]),
  );
  return daemon;
}
