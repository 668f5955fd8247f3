import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planBeginBackup } from '../../src/index.js';
import { checkpointStore, connect, observeDomain, runPlan } from '../../src/live.js';
import { nodesIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachNew } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

const MiB = 2 ** 20;

/** A daemon with disk vda, a guest on it, and the folders of a store and of backups. */
async function machine(qemu: Qemu) {
  const folder = await temporaryFolder();
  const daemon = await startStorageDaemon(qemu, { directory: folder.path });
  await attachNew(daemon, folder.path, 'vda');
  const directory = join(folder.path, 'backups');
  const store = join(folder.path, 'store');
  const source = ['--qmp', daemon.address, '--store', store, '--disk', 'vda=vda'];
  let seconds = 1_700_000_000;
  return {
    daemon,
    directory,
    store,
    /** Runs a command a day after the one before. */
    run(words: string, options: { readonly signal?: AbortSignal; readonly rewrite?: (line: string) => void } = {}) {
      seconds += 86_400;
      return runLine([...words.split(' ').map((word) => (word === 'DIR' ? directory : word)), ...source], {
        now: seconds,
        ...options,
      });
    },
    async withGuest(work: (guest: GuestDisk) => Promise<void>): Promise<Buffer> {
      const guest = await attachGuest(daemon, 'vda');
      await work(guest);
      const content = await guest.read();
      await guest.detach();
      return content;
    },
    async restored(point: string): Promise<Buffer> {
      const output = join(folder.path, `restored-${point}`);
      const line = ['restore', directory, output, '--point', point, '--format', 'raw'];
      expect(await runLine(line)).toMatchObject({ status: 0 });
      return await readFile(join(output, 'vda.raw'));
    },
    files: async () => (await readdir(directory)).toSorted(),
    nodes: async () => (await nodesIn(daemon)).map((node) => node['node-name']).toSorted(),
    async [Symbol.asyncDispose]() {
      await daemon[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const write = (at: number, byte: number) => (guest: GuestDisk) =>
  guest.write({ offset: at * MiB, length: MiB, byte }, { offset: (at + 3) * MiB, length: 4096, byte });

describeOnEachQemu('backups on the command line', (qemu) => {
  it('are planned and explained with --dry-run, and nothing is done', async () => {
    await using vm = await machine(qemu);
    const { status, printed } = await vm.run('backup full DIR --name monday --dry-run');
    expect(status).toBe(0);
    expect(printed[0]).toBe('Disk vda: all of its 16777216 bytes, for there is no checkpoint.');
    expect(printed.at(-2)).toBe('9. Back up vda as of one instant, and checkpoint "monday" begins.');
    expect(await vm.nodes()).toEqual(['vda', 'vda-file']);
    await expect(readdir(vm.directory)).rejects.toThrow();
  });

  it('are made in full and since the last one, told, and restored to the bytes of their time', async () => {
    await using vm = await machine(qemu);
    const first = await vm.withGuest(write(1, 1));
    expect(await vm.run('backup full DIR --name monday --sha256')).toMatchObject({
      status: 0,
      printed: ['backed up: monday', '  vda: 16 MiB, in full: vda-monday.qcow2'],
    });
    const second = await vm.withGuest(write(2, 2));
    expect(await vm.run('backup inc DIR --name tuesday')).toMatchObject({
      status: 0,
      printed: ['backed up: tuesday', '  vda: 1.1 MiB, since monday: vda-tuesday.qcow2'],
    });
    const { printed } = await vm.run('backup auto DIR --name wednesday --json');
    expect(JSON.parse(printed[0] ?? '')).toMatchObject({
      manifest: { name: 'wednesday', disks: [{ diskTarget: 'vda', base: { name: 'tuesday' } }] },
      bases: [{ diskTarget: 'vda', since: 'tuesday', passedOver: [] }],
      rescued: [],
      removed: [],
      foreign: [],
      warnings: [],
    });
    expect((await vm.restored('monday')).equals(first)).toBe(true);
    expect((await vm.restored('tuesday')).equals(second)).toBe(true);
    expect((await vm.restored('wednesday')).equals(second)).toBe(true);
    expect(await runLine(['verify', vm.directory])).toMatchObject({ status: 0, complained: [] });
  });

  it('are refused where they are to be based on what is not there', async () => {
    await using vm = await machine(qemu);
    expect(await vm.run('backup inc DIR')).toEqual({
      status: 1,
      printed: [],
      complained: [
        'there is no backup of disk vda on which another could stand; make a full backup, or one of the kind "auto"',
      ],
    });
    expect(await vm.nodes()).toEqual(['vda', 'vda-file']);
  });

  it('are taken back where the user stops them, and the next is based on the last that was complete', async () => {
    await using vm = await machine(qemu);
    await vm.withGuest(write(1, 1));
    expect(await vm.run('backup full DIR --name monday')).toMatchObject({ status: 0 });
    const content = await vm.withGuest(write(2, 2));
    const files = await vm.files();
    const stop = new AbortController();
    const rewritten: string[] = [];
    const rewrite = (line: string) => {
      // The lines before are about the image that is made.
      if (!line.startsWith('[')) return;
      rewritten.push(line);
      stop.abort(new Error('stopped by the user'));
    };
    const { signal } = stop;
    // One byte a second: it would not end.
    const stopped = await vm.run('backup auto DIR --name tuesday --speed 1', { signal, rewrite });
    expect(stopped).toMatchObject({ status: 1, printed: [] });
    expect(stopped.complained.at(-1)).toBe('stopped by the user');
    expect(rewritten[0]).toMatch(/^\[[#-]{20}\] \d+ %$/);
    expect(await vm.nodes()).toEqual(['vda', 'vda-file']);
    expect(await vm.files()).toEqual(files);
    expect(await vm.run('backup auto DIR --name wednesday')).toMatchObject({
      status: 0,
      printed: ['backed up: wednesday', '  vda: 1.1 MiB, since monday: vda-wednesday.qcow2'],
    });
    expect((await vm.restored('wednesday')).equals(content)).toBe(true);
  });

  it('are read over NBD with --mode pull, through a server that is there only meanwhile', async () => {
    await using vm = await machine(qemu);
    const { monitor, nbdAddress } = vm.daemon;
    const address = { addr: { type: 'unix', data: { path: nbdAddress } } };
    const withoutServer = async (words: string) => {
      await monitor.execute('nbd-server-stop');
      const outcome = await vm.run(words);
      await monitor.execute('nbd-server-start', address);
      return outcome;
    };
    const first = await vm.withGuest(write(1, 1));
    expect(await withoutServer('backup auto DIR --name monday --mode pull')).toMatchObject({ status: 0 });
    const second = await vm.withGuest(write(2, 2));
    expect(
      await withoutServer(`backup auto DIR --name tuesday --mode pull${qemu.version === '7.2' ? '' : ' --fleecing'}`),
    ).toMatchObject({
      status: 0,
      printed: ['backed up: tuesday', '  vda: 1.1 MiB, since monday: vda-tuesday.qcow2'],
    });
    expect(await vm.files()).toEqual([
      'monday.backup.json',
      'tuesday.backup.json',
      'vda-monday.qcow2',
      'vda-tuesday.qcow2',
    ]);
    expect((await vm.restored('monday')).equals(first)).toBe(true);
    expect((await vm.restored('tuesday')).equals(second)).toBe(true);
    // The one that is there already is not ours to stop.
    const refused = await vm.run('backup auto DIR --mode pull');
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.complained.join('\n')).toContain('NBD server already running');
    expect(await vm.nodes()).toEqual(['vda', 'vda-file']);
  });

  it('are taken back by reconcile where their process has died', async () => {
    await using vm = await machine(qemu);
    {
      await using session = await connect(vm.daemon.address);
      await using store = await checkpointStore(vm.store);
      const domain = await observeDomain(session, { name: 'domain', disks: [{ diskTarget: 'vda', nodeName: 'vda' }] });
      const disks = [{ diskTarget: 'vda', image: { filename: join(vm.store, 'vda.qcow2') }, speed: 1 }];
      const request = { mode: 'push', disks, checkpoint: { name: 'monday' } } as const;
      const plan = planBeginBackup(domain, request, { now: 1_700_000_000 });
      await store.run(domain, plan, () => runPlan(session, plan));
    }
    expect((await vm.run('list')).printed.join('\n')).toContain('monday (provisional)');
    expect(await vm.run('reconcile')).toMatchObject({
      status: 0,
      printed: ['a backup of vda was taken back: it had not ended'],
    });
    expect(await vm.nodes()).toEqual(['vda', 'vda-file']);
    expect((await vm.run('list')).printed).toEqual(['no checkpoints']);
    expect(await vm.run('reconcile')).toMatchObject({ status: 0, printed: ['nothing was interrupted'] });
  });
});
