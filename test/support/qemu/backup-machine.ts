import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyPath } from '../../../src/backup/file-names.js';
import { readExport } from '../../../src/backup/read-export.js';
import { type RunBackupOptions, runBackup } from '../../../src/backup/run-backup.js';
import type { BackupManifest, BackupRequest, Domain, Plan } from '../../../src/index.js';
import {
  type CheckpointStore,
  checkpointStore,
  connect,
  observeDomain,
  type QmpConnection,
  runPlan,
} from '../../../src/live.js';
import { backupLeftovers } from './backup-leftovers.js';
import { type BusyGuest, busyGuest, granule, seededRandom } from './busy-guest.js';
import type { Qemu } from './find-qemu.js';
import { attachGuest, type GuestDisk } from './guest-disk.js';
import { attachImage, createImage } from './images.js';
import { type RunningQemu, startStorageDaemon, type startSystem } from './start-qemu.js';
import { temporaryFolder } from './temporary-folder.js';
import { wronglyRestored } from './wrongly-restored.js';

/** Three disks with busy guests: vda, vdb on a lower layer, and vdc, which is raw; a store; and a folder for backups. */
export interface BackupMachine extends AsyncDisposable {
  readonly qemu: Qemu;
  readonly daemon: RunningQemu;
  readonly session: QmpConnection;
  readonly folder: string;
  /** Where the files of the backups lie. */
  readonly directory: string;
  readonly store: CheckpointStore;
  readonly disks: ReadonlyMap<string, MachineDisk>;
  readonly manifests: BackupManifest[];
  observe(): Promise<Domain>;
  /** Runs a plan and saves what it leads to. */
  run(plan: (domain: Domain) => Plan): Promise<void>;
  /** Makes a backup while all guests write, but for its instant, at which copies are kept. */
  backUp(name: string, request: Omit<BackupRequest, 'server'>, options?: RunBackupOptions): Promise<BackupManifest>;
  /** A request for all disks: since a checkpoint, or in full. */
  request(mode: BackupRequest['mode'], name: string, since?: string): Omit<BackupRequest, 'server'>;
  /** The disks whose restored bytes at a point are not those that the guest had. */
  wronglyRestored(point: string): Promise<readonly string[]>;
  /** What QEMU has that no machine of this form needs. */
  leftovers(): Promise<readonly string[]>;
}

export interface MachineDisk {
  readonly disk: GuestDisk;
  readonly guest: BusyGuest;
}

export const granules = 256;
const layout = [
  ['vda', 'qcow2'],
  ['vdb', 'qcow2'],
  ['vdc', 'raw'],
] as const;

/** @param start - Starts the program of QEMU's that has the disks. */
export async function backupMachine(
  qemu: Qemu,
  seed: number,
  start: typeof startSystem | typeof startStorageDaemon = startStorageDaemon,
): Promise<BackupMachine> {
  const folder = await temporaryFolder();
  const directory = join(folder.path, 'backups');
  await mkdir(directory);
  const daemon = await start(qemu, { directory: folder.path });
  const random = seededRandom(seed);
  const disks = new Map<string, MachineDisk>();
  for (const [target, format] of layout) {
    await attachDisk(daemon, folder.path, target, format);
    const disk = await attachGuest(daemon, target);
    disks.set(target, { disk, guest: busyGuest(disk, granules, random) });
  }
  const session = await connect(daemon.address);
  const store = await checkpointStore(join(folder.path, 'store'));
  const references = new Map<string, ReadonlyMap<string, Buffer>>();
  const all = [...disks];

  const machine: BackupMachine = {
    qemu,
    daemon,
    session,
    folder: folder.path,
    directory,
    store,
    disks,
    manifests: [],
    async observe() {
      const { checkpoints } = await store.load();
      const mapped = layout.map(([diskTarget]) => ({ diskTarget, nodeName: diskTarget }));
      return await observeDomain(session, { name: 'backed-up', disks: mapped, checkpoints });
    },
    async run(plan) {
      const domain = await machine.observe();
      const planned = plan(domain);
      await store.run(domain, planned, () => runPlan(session, planned));
    },
    request(mode, name, since) {
      const disks = layout.map(([diskTarget, format]) => ({
        diskTarget,
        image: { filename: join(directory, `${mode === 'pull' ? 'scratch-' : ''}${diskTarget}-${name}`) },
        ...(since !== undefined && format === 'qcow2' && { since }),
        // The guests' exports are called as their disks.
        ...(mode === 'pull' && { exportName: `backup-${diskTarget}` }),
      }));
      return { mode, disks, checkpoint: { name } };
    },
    async backUp(name, request, options = {}) {
      const keepReferences = async () => {
        const copies = new Map<string, Buffer>();
        for (const [target, { disk, guest }] of all) {
          await guest.rest();
          copies.set(target, await disk.read());
        }
        references.set(name, copies);
      };
      for (const [, { guest }] of all) guest.start();
      const server = { type: 'unix', path: daemon.nbdAddress, running: true } as const;
      try {
        const manifest = await runBackup(
          session,
          await machine.observe(),
          { ...request, ...(request.mode === 'pull' && { server }) },
          {
            name,
            store,
            directory,
            // The tools of the same version as QEMU.
            read: async (exported, { signal }) => {
              const path = copyPath(directory, exported.diskTarget, name);
              const tools = { img: qemu.img, io: qemu.io };
              return { path, format: 'qcow2', bytes: await readExport(exported, path, { signal, tools }) };
            },
            beforeTransaction: keepReferences,
            afterTransaction: () => {
              for (const [, { guest }] of all) guest.start();
            },
            ...options,
          },
        );
        machine.manifests.push(manifest);
        return manifest;
      } finally {
        for (const [, { guest }] of all) await guest.rest();
      }
    },
    async wronglyRestored(point) {
      const output = join(folder.path, 'restored');
      const request = { point, folder: directory, output };
      return await wronglyRestored(qemu, machine.manifests, request, references.get(point));
    },
    async leftovers() {
      return await backupLeftovers(session, await machine.observe(), store);
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await session.close();
      await daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return machine;
}

async function attachDisk(daemon: RunningQemu, folder: string, target: string, format: 'qcow2' | 'raw'): Promise<void> {
  const { qemu, monitor } = daemon;
  const image = (name: string) => join(folder, `${name}.img`);
  const size = granules * granule;
  const options = { discard: 'unmap' };
  if (target !== 'vdb') {
    await attachImage(monitor, {
      nodeName: target,
      filename: await createImage(qemu, image(target), { size, format }),
      format,
      options,
    });
    return;
  }
  const base = await createImage(qemu, image('base'), { size });
  await attachImage(monitor, { nodeName: 'base', filename: base, readOnly: true });
  const overlay = await createImage(qemu, image(target), { size, backing: { filename: base, format } });
  await attachImage(monitor, { nodeName: target, filename: overlay, backing: 'base', options });
}
