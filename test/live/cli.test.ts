import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCheckpointTree } from '../../src/index.js';
import { machineKinds, takeLiveSnapshot } from '../support/live/machines.js';
import { bitmapsIn, isReadOnly } from '../support/live/nodes-in.js';
import { runLine } from '../support/live/run-command-line.js';
import { runningSchema } from '../support/live/running-schema.js';
import { changesIn, granules, setUpCommandLine } from '../support/live/set-up-command-line.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { addBitmaps, attachNew } from '../support/qemu/disks.js';
import { qmpProxy, type SentCommand } from '../support/qemu/qmp-proxy.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';
import { faultsOf } from '../support/qmp-schema.js';

/** What someone else does between a plan and its transaction. */
interface Meanwhile {
  readonly words: readonly string[];
  readonly meanwhile: (running: RunningQemu) => Promise<unknown>;
  /** What QEMU says to the transaction then. */
  readonly desc: string;
  readonly obstacle: RegExp;
  /** Absent where QEMU's refusal alone says that nothing was done. */
  readonly settled?: string;
  /** Bitmaps that are there afterwards, and checkpoints that are kept. */
  readonly left: readonly string[];
  readonly kept: readonly string[];
}

describeOnEachQemu('the command line', (qemu) => {
  describe.each(machineKinds)('on $kind', (kind) => {
    const { disks, snapshotOf } = kind;

    it('makes, shows, checks and deletes checkpoints, with messages that its schema knows', async () => {
      await using setup = await setUpCommandLine(qemu, kind);
      const { running, folder, sent, run, writeToAll } = setup;
      const done = (line: string) => ({ status: 0, printed: [line], complained: [] });

      expect(await run('create', 'monday')).toEqual(done(`created: monday on ${disks.join(', ')}`));
      await writeToAll(granules(0, 2));
      if (snapshotOf !== undefined) await takeLiveSnapshot(running, folder, [snapshotOf, 'overlay'], ['monday']);
      const tuesday = await run('create', 'tuesday', '--description', 'a note', '--json');
      expect(tuesday).toMatchObject({ status: 0, complained: [] });
      const { checkpoints } = JSON.parse(tuesday.printed.join());
      expect(parseCheckpointTree(checkpoints)).toMatchObject({
        checkpoints: [{ name: 'monday' }, { name: 'tuesday', parent: 'monday', description: 'a note' }],
        current: 'tuesday',
      });
      await writeToAll(granules(5, 1));

      const table = (await run('list')).printed.map(cellsOf);
      expect(table[0]?.slice(0, 2 + disks.length)).toEqual(['checkpoint', 'created', ...disks]);
      expect(table.slice(1).map((cells) => [cells[0], ...cells.slice(2, 2 + disks.length)])).toEqual([
        ['> tuesday', ...disks.map(() => '64 KiB')],
        ['monday', ...disks.map(() => '192 KiB')],
      ]);
      expect(await run('tree')).toEqual({
        status: 0,
        printed: ['monday', '└─ tuesday  (current)'],
        complained: [],
      });
      expect(await run('check')).toEqual(done('2 of 2 checkpoints can be used on all their disks'));
      expect((await run('delete', 'monday')).printed).toEqual(['deleted: monday']);
      expect((await run('list', '--json')).printed.flatMap((line) => JSON.parse(line))).toMatchObject([
        { name: 'tuesday', usable: true, disks: disks.map((diskTarget) => ({ diskTarget, dirtyBytes: 65536 })) },
      ]);
      expect(await run('reconcile')).toEqual(done('nothing was interrupted'));

      expect((await bitmapsIn(running)).map((place) => place.split(' ')[1])).toEqual(disks.map(() => 'tuesday'));
      if (snapshotOf !== undefined) expect(await isReadOnly(running, snapshotOf)).toBe(true);
      const schema = await runningSchema(running.monitor);
      expect(sent.flatMap((command) => faultsOf(schema, command))).toEqual([]);
      const deletion = ['blockdev-reopen', 'transaction', 'blockdev-reopen'];
      expect(changesIn(sent)).toEqual([
        'transaction',
        'transaction',
        ...(snapshotOf === undefined ? ['transaction'] : deletion),
      ]);
    });

    it('with --dry-run only asks, leaves the store alone, and says what it would do', async () => {
      await using setup = await setUpCommandLine(qemu, kind);
      const { running, store, sent, run } = setup;
      const first = await run('create', 'monday', '--dry-run');
      expect(first).toMatchObject({ status: 0, complained: [] });
      expect(first.printed[0]).toMatch(/^1\. From one instant on, record what changes on \d disks since checkpoint/);
      expect((JSON.parse(first.printed[1] ?? '') as SentCommand).execute).toBe('transaction');
      await expect(readdir(store)).rejects.toMatchObject({ code: 'ENOENT' });

      await run('create', 'monday');
      const kept = await readdir(store);
      const before = await bitmapsIn(running);
      const sentBefore = sent.length;
      const json = await run('delete', 'monday', '--dry-run', '--json');
      expect(JSON.parse(json.printed.join())).toMatchObject({ checkpoints: { checkpoints: [] }, warnings: [] });
      expect((await run('reconcile', '--dry-run')).printed).toEqual(['Nothing is sent to QEMU.']);
      expect(changesIn(sent.slice(sentBefore))).toEqual([]);
      expect(await bitmapsIn(running)).toEqual(before);
      expect(await readdir(store)).toEqual(kept);
    });
  });

  it.each<readonly [string, Meanwhile]>([
    [
      'a create whose bitmap someone else makes on one disk of two',
      {
        words: ['create', 'tuesday'],
        meanwhile: ({ monitor }: RunningQemu) => addBitmaps(monitor, [['vdb', 'tuesday']]),
        desc: 'Bitmap already exists: tuesday',
        obstacle: /^bitmap "tuesday" on node "vdb" \(disk vdb\) exists; choose another name, or find its owner/,
        left: ['vda monday', 'vdb monday', 'vdb tuesday'],
        kept: ['monday'],
      },
    ],
    [
      'a create whose bitmap someone else makes on all its disks',
      {
        words: ['create', 'tuesday', '--only', 'vda'],
        meanwhile: ({ monitor }: RunningQemu) => addBitmaps(monitor, [['vda', 'tuesday']]),
        desc: 'Bitmap already exists: tuesday',
        obstacle: /^bitmap "tuesday" on node "vda" \(disk vda\) exists; choose another name, or find its owner/,
        left: ['vda monday', 'vda tuesday', 'vdb monday'],
        kept: ['monday'],
      },
    ],
    [
      'a delete whose bitmap someone else takes into use',
      {
        words: ['delete', 'monday'],
        meanwhile: ({ monitor }: RunningQemu) =>
          monitor.execute('block-export-add', {
            ...{ type: 'nbd', id: 'other', 'node-name': 'vdb', bitmaps: [{ node: 'vdb', name: 'monday' }] },
          }),
        desc: "Bitmap 'monday' is currently in use by another operation and cannot be used",
        obstacle: /^bitmap "monday" on node "vdb" \(disk vdb\) is busy: an export or a job holds it; end that first$/,
        settled: 'checkpoint "monday": keep: Every bitmap that was to be removed is still there: nothing was deleted.',
        left: ['vda monday', 'vdb monday'],
        kept: ['monday'],
      },
    ],
  ])('tells the words of QEMU, the disk and the cure of %s, and leaves it as it was', async (_, row) => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    for (const target of ['vda', 'vdb']) await attachNew(daemon, folder.path, target);
    let someoneElse: ((running: RunningQemu) => Promise<unknown>) | undefined;
    await using proxy = await qmpProxy(daemon.address, {
      async before({ execute }) {
        if (execute === 'transaction') await someoneElse?.(daemon);
      },
    });
    const store = join(folder.path, 'store');
    const source = ['--qmp', proxy.address, '--store', store, '--disk=vda=vda', '--disk=vdb=vdb'];
    expect(await runLine(['create', 'monday', ...source])).toMatchObject({ status: 0 });

    someoneElse = row.meanwhile;
    const { status, printed, complained } = await runLine([...row.words, ...source]);
    someoneElse = undefined;
    expect({ status, printed }).toEqual({ status: 1, printed: [] });
    expect(complained).toEqual([
      expect.stringMatching(/^step 1 of 1 failed.*: QEMU refused transaction: /),
      expect.stringMatching(/^the step was: /),
      ...(row.settled === undefined ? [] : [row.settled]),
      expect.stringMatching(row.obstacle),
    ]);
    expect(complained[0]).toContain(`QEMU refused transaction: ${row.desc}; `);
    expect(await bitmapsIn(daemon)).toEqual(row.left);
    expect((await readdir(store)).toSorted()).toEqual(['lock', ...row.kept.map((name) => `${name}.json`)]);
    expect(await runLine(['check', ...source])).toMatchObject({ status: 0, complained: [] });
  });

  it('tells a refusal of QEMU as data with --json, and what is in the way all the same', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    await attachNew(daemon, folder.path, 'vda');
    await using proxy = await qmpProxy(daemon.address, {
      async before({ execute }) {
        if (execute === 'transaction') await addBitmaps(daemon.monitor, [['vda', 'monday']]);
      },
    });
    const source = ['--qmp', proxy.address, '--store', join(folder.path, 'store'), '--disk=vda=vda'];
    const { status, printed, complained } = await runLine(['create', 'monday', '--json', ...source]);
    expect(status).toBe(1);
    const message = expect.stringContaining('Bitmap already exists: monday');
    expect(printed.map((line) => JSON.parse(line))).toEqual([{ error: { kind: 'plan', message } }]);
    expect(complained.at(-1)).toMatch(/^bitmap "monday" on node "vda" \(disk vda\) exists; /);
  });

  it.each([
    ['before it has connected', undefined, ['vda monday'], 'stopped by Ctrl-C'],
    ['while it looks', 'query-block', ['vda monday'], 'stopped by Ctrl-C'],
    ['while its plan is checked', 'query-qmp-schema', ['vda monday'], 'stopped by Ctrl-C'],
    ['while its transaction is under way', 'transaction', [], undefined],
  ] as const)('that is stopped %s has done all or nothing', async (_, when, left, complaint) => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    await attachNew(daemon, folder.path, 'vda');
    const stop = new AbortController();
    const stopNow = () => stop.abort(new Error('stopped by Ctrl-C'));
    let isArmed = false;
    await using proxy = await qmpProxy(daemon.address, {
      before({ execute }) {
        if (isArmed && execute === when) stopNow();
      },
    });
    const source = ['--qmp', proxy.address, '--store', join(folder.path, 'store'), '--disk=vda=vda'];
    expect(await runLine(['create', 'monday', ...source])).toMatchObject({ status: 0 });
    isArmed = true;
    if (when === undefined) stopNow();
    const { status, complained } = await runLine(['delete', 'monday', ...source], { signal: stop.signal });
    expect(status).toBe(complaint === undefined ? 0 : 1);
    if (complaint !== undefined) expect(complained[0]).toMatch(complaint);
    isArmed = false;
    expect(await bitmapsIn(daemon)).toEqual(left);
    expect(await runLine(['check', ...source])).toMatchObject({ status: 0, complained: [] });
  });

  it('refuses what cannot be done before anything but questions is sent', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    await attachNew(daemon, folder.path, 'vda');
    await using proxy = await qmpProxy(daemon.address);
    const source = ['--qmp', proxy.address, '--store', join(folder.path, 'store'), '--disk=vda=vda'];
    await addBitmaps(daemon.monitor, [['vda', 'monday']]);
    expect(await runLine(['create', 'monday', ...source, '--granularity', '1000'])).toMatchObject({ status: 1 });
    expect(await runLine(['create', 'monday', ...source])).toMatchObject({
      status: 1,
      complained: [expect.stringMatching(/^bitmap "monday" on node "vda" \(disk vda\) exists; /)],
    });
    expect(await runLine(['delete', 'friday', ...source])).toMatchObject({ status: 1 });
    expect(changesIn(proxy.sent)).toEqual([]);
  });
});

function cellsOf(line: string): readonly string[] {
  return line.trim().split(/ {2,}/);
}
