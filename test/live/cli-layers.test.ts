import { expect, it } from 'vitest';
import { type MachineKind, machineKinds, writeToDevice } from '../support/live/machines.js';
import { bitmapsIn, nodesIn } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { runningSchema } from '../support/live/running-schema.js';
import { changesIn, granules, setUpCommandLine } from '../support/live/set-up-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { attachNew, imageOf } from '../support/qemu/disks.js';
import { attachGuest, type GuestDisk } from '../support/qemu/guest-disk.js';
import { attachImage, createImage } from '../support/qemu/images.js';
import { type RunningQemu, startStorageDaemon, startSystem } from '../support/qemu/start-qemu.js';
import { faultsOf } from '../support/qmp-schema.js';

const guests = new WeakMap<RunningQemu, GuestDisk>();

/** One disk, which is named by its active layer: a storage daemon has no devices. */
const daemon: MachineKind = {
  kind: 'a storage daemon',
  mapping: [],
  disks: ['vda'],
  async start(qemu, folder) {
    const running = await startStorageDaemon(qemu);
    await attachNew(running, folder, 'vda-active');
    guests.set(running, await attachGuest(running, 'vda-active'));
    return running;
  },
  write: (running, _, pattern) => guests.get(running)?.write(pattern) ?? Promise.reject(new Error('there is no guest')),
};

/** One disk, which is found by its device. */
const device: MachineKind = {
  kind: 'a q35',
  mapping: [],
  disks: ['vda'],
  async start(qemu, folder) {
    const filename = await createImage(qemu, imageOf(folder, 'vda-active'));
    const protocol = { driver: 'file', 'node-name': 'vda-active-file', filename, 'auto-read-only': true };
    const nodes = [protocol, { driver: 'qcow2', 'node-name': 'vda-active', file: 'vda-active-file' }];
    const args = nodes.flatMap((node) => ['-blockdev', JSON.stringify(node)]);
    args.push('-device', 'virtio-blk-pci,id=vda,drive=vda-active');
    return await startSystem(qemu, { machine: 'q35', args });
  },
  write: writeToDevice,
};

describeOnEachQemu('the command line on layers', (qemu) => {
  it.each([
    { ...daemon, named: ['--disk', 'vda=vda-active'] },
    { ...device, named: [] },
  ])('on $kind changes the chain of a disk, with messages that its schema knows', async ({ named, ...kind }) => {
    await using setup = await setUpCommandLine(qemu, kind);
    const { running, folder, sent, writeToAll } = setup;
    let disk: readonly string[] = named;
    const run = (...words: readonly string[]) => setup.run(...words, ...disk);
    const done = async (words: readonly string[], line: string, active?: string) => {
      const { status, printed, complained } = await run(...words);
      const moved = `the active layer of vda is "${active}" now: --disk vda=${active}`;
      const lines = active === undefined ? [line] : [line, moved];
      expect({ status, printed }, complained.join('\n')).toEqual({ status: 0, printed: lines });
      if (active !== undefined && named.length > 0) disk = moved.split(': ')[1]?.split(' ') ?? [];
    };
    const image = (node: string) => `${node}:${imageOf(folder, node)}`;
    /** How the checkpoints stand: granules that changed since each, and the layers that say so. */
    const standing = async () => {
      const { printed } = await run('list', '--json');
      const statuses = JSON.parse(printed.join()) as readonly Status[];
      return statuses.map(({ name, usable, disks }) => {
        const { dirtyBytes = -1, layers = [] } = disks.find(({ diskTarget }) => diskTarget === 'vda') ?? {};
        return [name, usable, dirtyBytes / 65536, ...layers];
      });
    };

    await run('create', 'monday');
    await writeToAll(granules(0, 2));
    const overlay = ['snapshot', '--overlay', `vda=${image('one')}`];
    const tuesday = ['--checkpoint', 'tuesday', '--description', 'a note'];
    await done([...overlay, ...tuesday], 'snapshot taken: vda, with checkpoint tuesday', 'one');
    await writeToAll(granules(4, 1));
    expect(await standing()).toEqual([
      ['monday', true, 3, 'one', 'vda-active'],
      ['tuesday', true, 1, 'one'],
    ]);

    await done(['copy', 'vda', '--mirror', image('copy'), '--shallow'], 'copied: vda', 'copy');
    await writeToAll(granules(6, 1));
    await done(['pull', 'vda'], 'pulled: vda');
    await writeToAll(granules(8, 1));
    expect(await standing()).toEqual([
      ['monday', true, 5, 'copy'],
      ['tuesday', true, 3, 'copy'],
    ]);

    await done(['snapshot', '--overlay', `vda=${image('two')}`], 'snapshot taken: vda', 'two');
    await writeToAll(granules(10, 1));
    await done(['snapshot', '--overlay', `vda=${image('three')}`], 'snapshot taken: vda', 'three');
    await writeToAll(granules(12, 1));
    await done(['commit', 'vda', '--top', 'two'], 'committed: vda');
    await writeToAll(granules(14, 1));
    await done(['commit', 'vda'], 'committed: vda', 'copy');
    await writeToAll(granules(16, 1));
    expect(await standing()).toEqual([
      ['monday', true, 9, 'copy'],
      ['tuesday', true, 7, 'copy'],
    ]);

    await done(['check'], '2 of 2 checkpoints can be used on all their disks');
    await done(['reconcile'], 'nothing was interrupted');
    expect(await running.monitor.execute('query-jobs')).toEqual([]);
    const made = (await nodesIn(running)).map((node) => node['node-name']).filter((name) => !name.startsWith('#'));
    expect(made.toSorted()).toEqual(['copy', 'copy-file']);
    const schema = await runningSchema(running.monitor);
    expect(sent.flatMap((command) => faultsOf(schema, command))).toEqual([]);
  });

  it('with --dry-run only asks, and says what each step would be for', async () => {
    await using setup = await setUpCommandLine(qemu, daemon);
    const { sent, folder, run } = setup;
    const overlay = `vda=one:${imageOf(folder, 'one')}`;
    const { status, printed } = await run('snapshot', '--overlay', overlay, '--dry-run', '--disk', 'vda=vda-active');
    expect(status).toBe(0);
    expect(printed.filter((_, line) => line % 2 === 0).map((line) => line.replace(/".*"/, '…'))).toEqual([
      '1. Make the file ….',
      '2. Wait until that is done.',
      '3. Forget the job that did it.',
      '4. Open it as node ….',
      expect.stringMatching(/^5\. Write an empty qcow2 image of \d+ bytes for disk vda to it\.$/),
      '6. Wait until that is done.',
      '7. Forget the job that did it.',
      '8. Open the image as node …, which the guest does not use yet.',
      '9. From one instant on, the guest writes to the overlays of vda, every checkpoint goes on there.',
    ]);
    expect(changesIn(sent)).toEqual([]);
  });

  it('takes nodes that are there', async () => {
    await using setup = await setUpCommandLine(qemu, daemon);
    const { running, folder, run } = setup;
    for (const nodeName of ['one', 'copy']) {
      const filename = await createImage(qemu, imageOf(folder, nodeName));
      await attachImage(running.monitor, { nodeName, filename, backing: null });
    }
    const done = async (...words: readonly string[]) => expect(await run(...words)).toMatchObject({ status: 0 });
    await done('create', 'monday', '--disk', 'vda=vda-active');
    await done('snapshot', '--overlay', 'vda=one', '--disk', 'vda=vda-active');
    await done('copy', 'vda', '--mirror', 'copy', '--disk', 'vda=one');
    await done('check', '--disk', 'vda=copy');
    expect((await run('copy', 'vda', '--mirror', 'one', '--disk', 'vda=copy')).complained).toEqual([
      expect.stringMatching(/^there is no node "one"/),
    ]);
  });

  it('tells each step, and how far a job is that it waits for', async () => {
    await using setup = await setUpCommandLine(qemu, daemon);
    const { folder, words, writeToAll } = setup;
    await writeToAll(granules(0, 8));
    const rewritten: string[] = [];
    const line = words('copy', 'vda', '--mirror', `copy:${imageOf(folder, 'copy')}`, '--disk', 'vda=vda-active');
    const { complained } = await runLine(line, { rewrite: (text) => rewritten.push(text) });
    expect(complained.map((text) => text.split(' ')[0])).toEqual(complained.map((_, at) => `${at + 1}/15`));
    expect(rewritten.at(-1)).toMatch(/^\d+\/15 \[#{20}\] 100 %$/);
  });

  it.each(
    [
      ['vda', 'a throttle filter', machineKinds[0]],
      ['vdb', 'a copy-on-read filter', machineKinds[0]],
      ['vda', 'a throttle filter', machineKinds[3]],
      ['sda', 'a copy-on-read filter', machineKinds[3]],
    ].map(([target, filter, kind]) => ({ target, filter, kind })) as readonly BelowFilter[],
  )('changes the layers of $target below $filter, on $kind.kind', async ({ target, kind }) => {
    await using setup = await setUpCommandLine(qemu, kind);
    const { running, folder, run, writeToAll } = setup;
    const done = async (...words: readonly string[]) => {
      const { status, complained } = await run(...words);
      expect(status, complained.join('\n')).toBe(0);
      // The filter stays, so what the disk is named by stays too.
      expect((await nodesIn(running)).map((node) => node['node-name'])).toEqual(expect.arrayContaining(filters));
    };
    const filters = (await nodesIn(running))
      .filter(({ drv }) => drv === 'throttle' || drv === 'copy-on-read')
      .map((node) => node['node-name']);
    const overlay = (node: string) => `${target}=${node}:${imageOf(folder, node)}`;
    await done('create', 'monday', '--only', target);
    await writeToAll(granules(0, 2));
    await done('snapshot', '--overlay', overlay('one'));
    await writeToAll(granules(4, 1));
    await done('snapshot', '--overlay', overlay('two'));
    await writeToAll(granules(6, 1));
    await done('commit', target, '--top', 'one');
    await done('commit', target);
    await writeToAll(granules(8, 1));
    await done('copy', target, '--mirror', `copy:${imageOf(folder, 'copy')}`);
    await writeToAll(granules(10, 1));
    const [monday] = JSON.parse((await run('list', '--json')).printed.join()) as readonly Status[];
    expect(monday).toMatchObject({ name: 'monday', usable: true });
    expect(monday?.disks.find(({ diskTarget }) => diskTarget === target)).toMatchObject({
      dirtyBytes: 6 * 65536,
      layers: ['copy'],
    });
    expect(await running.monitor.execute('query-jobs')).toEqual([]);
  });

  it.each(['commit', 'copy'])('a %s that QEMU refuses leaves all as it was', async (command) => {
    await using setup = await setUpCommandLine(qemu, daemon);
    const { running, folder } = setup;
    const run = (active: string, ...words: readonly string[]) => setup.run(...words, '--disk', `vda=${active}`);
    expect(await run('vda-active', 'create', 'monday')).toMatchObject({ status: 0 });
    const overlay = ['--overlay', `vda=one:${imageOf(folder, 'one')}`];
    expect(await run('vda-active', 'snapshot', ...overlay)).toMatchObject({ status: 0 });
    // It lets no job begin below the filter of another one.
    await backUpSlowly(running, 'one');
    const [nodes, bitmaps] = [await nodesIn(running), await bitmapsIn(running)];
    const mirror = command === 'copy' ? ['--mirror', `copy:${imageOf(folder, 'copy')}`] : [];
    const { status, complained } = await run('one', command, 'vda', ...mirror);
    expect(status).toBe(1);
    expect(complained.join('\n')).toContain('Need a root block node');
    expect(await nodesIn(running)).toHaveLength(nodes.length);
    expect(await bitmapsIn(running)).toEqual(bitmaps);
    expect(await running.monitor.execute('query-jobs')).toMatchObject([{ id: 'other' }]);
    expect(await run('one', 'check')).toMatchObject({ status: 0, complained: [] });
  });
});

/** Somebody else's job, which stays as long as it is needed. */
async function backUpSlowly({ monitor }: RunningQemu, device: string): Promise<void> {
  const target = { driver: 'null-co', 'node-name': 'elsewhere', size: 2 ** 24 };
  await monitor.execute('blockdev-add', target);
  await monitor.execute('blockdev-backup', { 'job-id': 'other', device, target: 'elsewhere', sync: 'full', speed: 1 });
}

interface BelowFilter {
  readonly target: string;
  readonly filter: string;
  readonly kind: MachineKind;
}

interface Status {
  readonly name: string;
  readonly usable: boolean;
  readonly disks: readonly {
    readonly diskTarget: string;
    readonly dirtyBytes: number;
    readonly layers: readonly string[];
  }[];
}
