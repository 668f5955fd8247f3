import { addBitmaps, attachNew, imageOf } from '../qemu/disks.js';
import type { Qemu } from '../qemu/find-qemu.js';
import { attachGuest, type Pattern } from '../qemu/guest-disk.js';
import { attachImage, createImage } from '../qemu/images.js';
import { type RunningQemu, startStorageDaemon, startSystem } from '../qemu/start-qemu.js';

/** A kind of QEMU that is to be observed and changed, and how its guest writes. */
export interface MachineKind {
  readonly kind: string;
  /** Words for the command line that say where the disks are; none where they are found by themselves. */
  readonly mapping: readonly string[];
  /** The disks that take part in a checkpoint, in the domain's order. */
  readonly disks: readonly string[];
  /** A disk on whose active layer an overlay can be put, by that layer; below it is reopened for a delete. */
  readonly snapshotOf?: string;
  readonly start: (qemu: Qemu, folder: string) => Promise<RunningQemu>;
  readonly write: (running: RunningQemu, diskTarget: string, pattern: Pattern) => Promise<void>;
}

const filters = { vda: 'vda-throttle', vdb: 'vdb-copy' };
/** Disks that are named to the library by the filters above their images. */
const belowFilters = {
  mapping: Object.entries(filters).map(([target, filter]) => `--disk=${target}=${filter}`),
  disks: Object.keys(filters),
  snapshotOf: 'vda-active',
  write: writeOverNbd,
};

/** Everything that has a QMP monitor and disks. */
export const machineKinds: readonly MachineKind[] = [
  { kind: 'a storage daemon', ...belowFilters, start: (qemu, folder) => addDisks(startStorageDaemon(qemu), folder) },
  { kind: 'a machine of no type', ...belowFilters, start: (qemu, folder) => addDisks(startSystem(qemu), folder) },
  {
    kind: 'a machine of no type with drives',
    mapping: [],
    disks: ['vda', 'vdb'],
    start: startWithDrives,
    write: writeToDevice,
  },
  {
    kind: 'a q35 with disks of every kind',
    mapping: [],
    // QEMU lists those of -drive first.
    disks: ['drive0', 'vdc', 'vda', 'sda'],
    snapshotOf: 'vda-active',
    start: startQ35,
    write: writeToDevice,
  },
];

async function addDisks(starting: Promise<RunningQemu>, folder: string): Promise<RunningQemu> {
  const running = await starting;
  const { monitor } = running;
  await attachNew(running, folder, 'vda-active');
  await attachNew(running, folder, 'vdb-active');
  await monitor.execute('object-add', { 'qom-type': 'throttle-group', id: 'limits' });
  const throttle = { driver: 'throttle', 'node-name': filters.vda, file: 'vda-active', 'throttle-group': 'limits' };
  await monitor.execute('blockdev-add', throttle);
  await monitor.execute('blockdev-add', { driver: 'copy-on-read', 'node-name': filters.vdb, file: 'vdb-active' });
  return running;
}

async function startWithDrives(qemu: Qemu, folder: string): Promise<RunningQemu> {
  const args: string[] = [];
  for (const target of ['vda', 'vdb']) {
    const filename = await createImage(qemu, imageOf(folder, target));
    args.push('-drive', `if=none,id=${target},file=${filename},format=qcow2`);
  }
  return await startSystem(qemu, { args });
}

/**
 * A virtio disk below a throttle filter, a SCSI disk below a copy-on-read filter, one disk of `-drive` alone and one with a
 * device of its own, and a CD drive without a medium.
 */
async function startQ35(qemu: Qemu, folder: string): Promise<RunningQemu> {
  for (const name of ['drive0', 'vdc-active', 'vda-active', 'sda-active'])
    await createImage(qemu, imageOf(folder, name));
  const image = (nodeName: string) => [
    { driver: 'file', 'node-name': `${nodeName}-file`, filename: imageOf(folder, nodeName), 'auto-read-only': true },
    { driver: 'qcow2', 'node-name': nodeName, file: `${nodeName}-file` },
  ];
  const nodes = [
    ...image('vda-active'),
    { driver: 'throttle', 'node-name': 'vda-throttle', file: 'vda-active', 'throttle-group': 'limits' },
    ...image('sda-active'),
    { driver: 'copy-on-read', 'node-name': 'sda-copy', file: 'sda-active' },
  ];
  const devices = [
    'virtio-blk-pci,id=vda,drive=vda-throttle',
    'virtio-scsi-pci,id=scsi0',
    'scsi-hd,id=sda,bus=scsi0.0,drive=sda-copy',
    'virtio-blk-pci,id=vdc,drive=drive1',
    'ide-cd,id=cd0',
  ];
  return await startSystem(qemu, {
    machine: 'q35',
    args: [
      ...['-object', 'throttle-group,id=limits'],
      ...nodes.flatMap((node) => ['-blockdev', JSON.stringify(node)]),
      ...['-drive', `if=virtio,id=drive0,file=${imageOf(folder, 'drive0')},format=qcow2`],
      ...['-drive', `if=none,id=drive1,file=${imageOf(folder, 'vdc-active')},format=qcow2,node-name=vdc-active`],
      ...devices.flatMap((device) => ['-device', device]),
    ],
  });
}

async function writeOverNbd(running: RunningQemu, diskTarget: string, pattern: Pattern): Promise<void> {
  const guest = await attachGuest(running, filters[diskTarget as keyof typeof filters]);
  await guest.write(pattern);
  await guest.detach();
}

/** Through the device's own backend, as the guest does: that of a device, or of a drive without one. */
export async function writeToDevice({ monitor }: RunningQemu, diskTarget: string, pattern: Pattern): Promise<void> {
  const devices = (await monitor.execute('query-block')) as readonly BlockInfo[];
  const found = devices.find(({ device, qdev = '' }) => device === diskTarget || qdev.split('/').includes(diskTarget));
  if (found === undefined) throw new Error(`there is no device ${diskTarget}`);
  const backend = found.qdev === undefined ? found.device : `-d ${found.qdev}`;
  const line = `qemu-io ${backend} "write -P ${pattern.byte} ${pattern.offset} ${pattern.length}"`;
  const complaint = await monitor.execute('human-monitor-command', { 'command-line': line });
  if (complaint !== '') throw new Error(`${line}: ${complaint}`);
}

interface BlockInfo {
  readonly device: string;
  readonly qdev?: string;
}

/** Puts an overlay on a layer that may be in use, and has it take along bitmaps of these names. */
export async function takeLiveSnapshot(
  { qemu, monitor }: RunningQemu,
  folder: string,
  [node, overlay]: readonly [node: string, overlay: string],
  bitmaps: readonly string[],
): Promise<void> {
  const filename = await createImage(qemu, imageOf(folder, overlay));
  await attachImage(monitor, { nodeName: overlay, filename, backing: null });
  const added = bitmaps.map((bitmap) => [overlay, bitmap] as const);
  if (added.length > 0) await addBitmaps(monitor, added);
  await monitor.execute('blockdev-snapshot', { node, overlay });
}
