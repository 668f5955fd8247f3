import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WrittenFile } from '../../../src/backup/copy-outcome.js';
import type { BackupExport } from '../../../src/backup/export-source.js';
import { copyPath } from '../../../src/backup/file-names.js';
import {
  type BackupReport,
  type MakeBackupOptions,
  type MakeBackupRequest,
  makeBackup,
} from '../../../src/backup/make-backup.js';
import { readExport } from '../../../src/backup/read-export.js';
import { type Domain, type Plan, planCommit, planTakeSnapshot } from '../../../src/index.js';
import {
  type CheckpointStore,
  checkpointStore,
  connect,
  observeDomain,
  type QmpConnection,
  readManifests,
  runPlan,
} from '../../../src/live.js';
import { backupLeftovers } from './backup-leftovers.js';
import { granule, seededRandom } from './busy-guest.js';
import { imageOf } from './disks.js';
import type { Qemu } from './find-qemu.js';
import { attachGuest, type GuestDisk } from './guest-disk.js';
import { attachImage, createImage } from './images.js';
import { changeAtRandom } from './random-changes.js';
import { type RunningQemu, startStorageDaemon } from './start-qemu.js';
import { temporaryFolder } from './temporary-folder.js';
import { wronglyRestored } from './wrongly-restored.js';

/**
 * A machine that is backed up night after night and lives on in between: its QEMU is stopped or killed and started again on the
 * same images, its layers change, its disks grow. A copy of every disk is kept at the instant of each backup.
 */
export interface NightlyMachine extends AsyncDisposable {
  readonly qemu: Qemu;
  readonly folder: string;
  /** Where the files of the backups lie. */
  readonly directory: string;
  /** Another after it was lent. */
  readonly store: CheckpointStore;
  readonly disks: readonly NightlyDisk[];
  /** Another after each restart, as the session. */
  readonly daemon: RunningQemu;
  readonly session: QmpConnection;
  observe(): Promise<Domain>;
  /** Runs what is planned on what is there now, and saves what it leads to. */
  run(plan: (domain: Domain) => Plan): Promise<Plan>;
  /** Makes a backup; the guests change their disks all the time but for its instant, if that is asked for. */
  backUp(request: NightlyRequest, options?: NightlyOptions): Promise<BackupReport>;
  /** Puts an overlay on; with a name, a checkpoint begins at that instant. */
  snapshot(diskTarget: string, checkpoint?: string): Promise<void>;
  /** Moves what is on the active layer into the one below, or further down. */
  commit(diskTarget: string, layers?: number): Promise<void>;
  /** Grows the active layer alone, as QEMU does. */
  grow(diskTarget: string, granules: number): Promise<void>;
  change(diskTarget: string, times: number): Promise<void>;
  /** Starts the NBD server again, which someone has stopped, and brings the guests back to it. */
  serveAgain(): Promise<void>;
  /** Leaves the monitor and the store to another process for a while. */
  lend<T>(work: (address: string, store: string) => Promise<T>): Promise<T>;
  /** Ends QEMU at once, and with it whatever its guests are doing. */
  kill(): Promise<void>;
  /** Ends QEMU, in good order or not, and starts another on the images, with these disks open for reading only. */
  restart(end: 'quit' | 'SIGKILL', readOnly?: readonly string[]): Promise<void>;
  /** The disks whose restored bytes at a point are not those that the guest had; all of them, or those that are named. */
  wronglyRestored(point: string, diskTargets?: readonly string[]): Promise<readonly string[]>;
  /** What QEMU and the store have that no machine of this form needs. */
  leftovers(): Promise<readonly string[]>;
}

export interface NightlyDisk {
  readonly diskTarget: string;
  readonly format: 'qcow2' | 'raw';
  /** Node-names, the active one first; the images are called the same. */
  readonly layers: string[];
  granules: number;
  /** Absent while the disk is open for reading only. */
  guest: GuestDisk | undefined;
}

/** The name is that of the point. */
export type NightlyRequest = Partial<Omit<MakeBackupRequest, 'server' | 'name'>> & { readonly name: string };

export type NightlyOptions = Partial<Omit<MakeBackupOptions, 'store'>> & {
  /** The guests go on. */
  readonly busy?: boolean;
  /** Default: the machine's own. */
  readonly session?: QmpConnection;
  /** Done before an export is read. */
  readonly beforeRead?: (diskTarget: string) => Promise<unknown>;
};

/** @param formats - Of the disks vda, vdb, …, each of 64 granules and with one layer. */
export async function nightlyMachine(
  qemu: Qemu,
  {
    seed = 1,
    formats = ['qcow2', 'qcow2'],
  }: { readonly seed?: number; readonly formats?: readonly NightlyDisk['format'][] } = {},
): Promise<NightlyMachine> {
  const folder = await temporaryFolder();
  const directory = join(folder.path, 'backups');
  await mkdir(directory);
  let store = await checkpointStore(join(folder.path, 'store'));
  const random = seededRandom(seed);
  const references = new Map<string, ReadonlyMap<string, Buffer>>();
  const disks = formats.map((format, place) => newDisk(`vd${'abc'[place]}`, format));
  for (const { layers, format, granules } of disks) {
    await createImage(qemu, imageOf(folder.path, layers[0] ?? ''), { format, size: granules * granule });
  }
  let nextLayer = 1;
  let clock = 1_700_000_000;
  let killed = false;
  let life = await begin([]);

  async function begin(readOnly: readonly string[]): Promise<Life> {
    const daemon = await startStorageDaemon(qemu, { directory: folder.path });
    for (const disk of disks) {
      const isReadOnly = readOnly.includes(disk.diskTarget);
      for (const [place] of [...disk.layers.entries()].reverse()) await open(daemon, disk, place, isReadOnly);
      disk.guest = isReadOnly ? undefined : await attachGuest(daemon, activeOf(disk));
    }
    killed = false;
    return { daemon, session: await connect(daemon.address) };
  }

  async function open(daemon: RunningQemu, { layers, format }: NightlyDisk, place: number, isReadOnly: boolean) {
    const nodeName = layers[place] ?? '';
    const filename = imageOf(folder.path, nodeName);
    const backing = format === 'raw' ? {} : { backing: layers[place + 1] ?? null };
    const readOnly = isReadOnly || place > 0;
    await attachImage(daemon.monitor, {
      nodeName,
      filename,
      format,
      readOnly,
      ...backing,
      options: { discard: 'unmap' },
    });
  }

  function find(diskTarget: string): NightlyDisk {
    const disk = disks.find((each) => each.diskTarget === diskTarget);
    if (disk === undefined) throw new Error(`there is no disk ${diskTarget}`);
    return disk;
  }

  /** Changes that go on until they are told to rest. */
  function keepBusy() {
    let stop = false;
    const running = disks.map(async ({ guest, granules }) => {
      while (!stop && guest !== undefined) await changeAtRandom(guest, { granules, times: 1, random });
    });
    const ended = Promise.all(running);
    ended.catch(() => undefined);
    return {
      async rest() {
        stop = true;
        // What fails because QEMU was killed is as it should be.
        await ended.catch((error: unknown) => {
          if (!killed) throw error;
        });
      },
    };
  }

  const machine: NightlyMachine = {
    qemu,
    folder: folder.path,
    directory,
    get store() {
      return store;
    },
    disks,
    get daemon() {
      return life.daemon;
    },
    get session() {
      return life.session;
    },
    async observe() {
      const { checkpoints } = await store.load();
      const mapped = disks.map((disk) => ({ diskTarget: disk.diskTarget, nodeName: activeOf(disk) }));
      return await observeDomain(life.session, { name: 'nightly', disks: mapped, checkpoints });
    },
    async run(plan) {
      const domain = await machine.observe();
      const planned = plan(domain);
      const next = await store.run(domain, planned, () => runPlan(life.session, planned));
      for (const disk of disks) {
        const chain = next.disks.find(({ diskTarget }) => diskTarget === disk.diskTarget)?.backingChain ?? [];
        disk.layers.splice(0, disk.layers.length, ...chain.map(({ nodeName }) => nodeName));
      }
      return planned;
    },
    async backUp({ name, ...request }, { busy = false, session = life.session, beforeRead, ...options } = {}) {
      let guests = busy ? keepBusy() : undefined;
      const server = { type: 'unix', path: life.daemon.nbdAddress, running: true } as const;
      clock += 1;
      try {
        return await makeBackup(
          session,
          { directory, ...request, name, ...(request.mode === 'pull' && { server }) },
          {
            store,
            observe: () => machine.observe(),
            now: clock,
            async read(exported, { signal }) {
              await beforeRead?.(exported.diskTarget);
              return await readWith(qemu, directory, name, exported, signal);
            },
            ...options,
            async beforeTransaction(instant) {
              await guests?.rest();
              const copies = new Map<string, Buffer>();
              for (const { diskTarget, guest } of disks) if (guest) copies.set(diskTarget, await guest.read());
              references.set(name, copies);
              await options.beforeTransaction?.(instant);
            },
            async afterTransaction(instant) {
              if (busy) guests = keepBusy();
              await options.afterTransaction?.(instant);
            },
          },
        );
      } finally {
        await guests?.rest();
      }
    },
    async snapshot(diskTarget, checkpoint) {
      const nodeName = `${diskTarget}-${nextLayer}`;
      nextLayer += 1;
      const overlay = { nodeName, filename: imageOf(folder.path, nodeName) };
      const begun = checkpoint === undefined ? {} : { checkpoint: { name: checkpoint } };
      clock += 1;
      await machine.run((domain) =>
        planTakeSnapshot(domain, { disks: [{ diskTarget, overlay }], ...begun }, { now: clock }),
      );
    },
    async commit(diskTarget, count = 1) {
      const { layers } = find(diskTarget);
      const request = { diskTarget, topNodeName: layers[0] ?? '', baseNodeName: layers[count] ?? '' };
      await machine.run((domain) => planCommit(domain, request));
    },
    async grow(diskTarget, granules) {
      const disk = find(diskTarget);
      const { monitor } = life.daemon;
      await disk.guest?.detach();
      try {
        await monitor.execute('block_resize', { 'node-name': activeOf(disk), size: granules * granule });
        disk.granules = granules;
      } finally {
        disk.guest = await attachGuest(life.daemon, activeOf(disk));
      }
    },
    async change(diskTarget, times) {
      const { guest, granules } = find(diskTarget);
      if (guest === undefined) throw new Error(`disk ${diskTarget} is open for reading only`);
      await changeAtRandom(guest, { granules, times, random });
    },
    async serveAgain() {
      const addr = { type: 'unix', data: { path: life.daemon.nbdAddress } };
      await life.daemon.monitor.execute('nbd-server-start', { addr });
      for (const disk of disks) disk.guest = await attachGuest(life.daemon, activeOf(disk));
    },
    async lend(work) {
      await life.session.close();
      await store.close();
      try {
        return await work(life.daemon.address, store.directory);
      } finally {
        store = await checkpointStore(store.directory);
        life = { ...life, session: await connect(life.daemon.address) };
      }
    },
    async kill() {
      killed = true;
      await life.daemon.kill('SIGKILL');
    },
    async restart(end, readOnly = []) {
      await life.session.close();
      if (end === 'quit') {
        for (const { guest } of disks) await guest?.detach();
        await life.daemon.quit();
      } else await machine.kill();
      await life.daemon[Symbol.asyncDispose]();
      life = await begin(readOnly);
    },
    async wronglyRestored(point, diskTargets) {
      const { manifests } = await readManifests(directory);
      const output = join(folder.path, 'restored');
      const request = { point, folder: directory, output, ...(diskTargets !== undefined && { diskTargets }) };
      return await wronglyRestored(qemu, manifests, request, references.get(point));
    },
    leftovers: async () => await backupLeftovers(life.session, await machine.observe(), store),
    async [Symbol.asyncDispose]() {
      await store.close();
      await life.session.close();
      await life.daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return machine;
}

interface Life {
  readonly daemon: RunningQemu;
  readonly session: QmpConnection;
}

function newDisk(diskTarget: string, format: NightlyDisk['format']): NightlyDisk {
  return { diskTarget, format, layers: [`${diskTarget}-0`], granules: 64, guest: undefined };
}

function activeOf({ layers }: NightlyDisk): string {
  return layers[0] ?? '';
}

/** With the tools of the same version as QEMU. */
async function readWith(
  { img, io }: Qemu,
  directory: string,
  name: string,
  exported: BackupExport,
  signal: AbortSignal | undefined,
): Promise<WrittenFile> {
  const path = copyPath(directory, exported.diskTarget, name);
  return { path, format: 'qcow2', bytes: await readExport(exported, path, { signal, tools: { img, io } }) };
}
