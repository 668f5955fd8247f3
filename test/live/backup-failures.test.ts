import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { copyPath } from '../../src/backup/file-names.js';
import { planCreateCheckpoint } from '../../src/index.js';
import { runPlan } from '../../src/live.js';
import { startManager } from '../soak/manager-process.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { interferingSession, once } from '../support/qemu/interfering-session.js';
import {
  type NightlyMachine,
  type NightlyOptions,
  type NightlyRequest,
  nightlyMachine,
} from '../support/qemu/nightly-machine.js';

const run = promisify(execFile);

type Mode = 'push' | 'pull';

/** A way in which tuesday's backup fails, after monday's was made. */
interface Row {
  readonly what: string;
  /** Default: both. */
  readonly mode?: Mode;
  readonly spoil: (machine: NightlyMachine, mode: Mode) => Spoiled | Promise<Spoiled>;
  /** What the backup is refused with. */
  readonly error: { readonly [member: string]: unknown };
  /** What wednesday's is based on; default: monday, on the disks that can have bitmaps. */
  readonly bases?: readonly (string | undefined)[];
  /** The session or QEMU is gone, and all is taken back by the next night. */
  readonly isCut?: true;
}

interface Spoiled extends NightlyOptions {
  readonly request?: Partial<NightlyRequest>;
  /** Takes out of the way what others had put there, or brings back what is needed. */
  readonly clean?: () => Promise<unknown>;
}

const [vda, vdb] = ['checkpoint-backup-vda', 'checkpoint-backup-vdb'];
const onMonday = ['monday', 'monday', undefined] as const;
/** So slow that it has not ended when something happens to it. */
const slow = { copy: { speed: 65536 } } as const;

const inTheWay: readonly Row[] = [
  {
    what: 'its folder is one that QEMU does not see',
    spoil: ({ session, folder }) => ({
      session: interferingSession(session, {
        rewrite: (command, args) => {
          const { filename, ...options } = (args['options'] ?? {}) as { readonly filename?: string };
          if (command !== 'blockdev-create' || filename === undefined) return undefined;
          return { ...args, options: { ...options, filename: join(folder, 'nowhere', 'vda') } };
        },
      }),
    }),
    error: { name: 'PlanError', outcome: 'undone', message: expect.stringContaining('No such file or directory') },
  },
  {
    what: 'a file is where its folder should be',
    spoil: async ({ folder }) => {
      await writeFile(join(folder, 'file'), '');
      return { request: { directory: join(folder, 'file') } };
    },
    error: { name: 'StoreError', kind: 'io' },
  },
  {
    what: 'its image cannot be written to',
    spoil: ({ session }) => ({
      session: interferingSession(session, { rewrite: faulty({ errno: 13, event: 'none' }) }),
    }),
    error: { name: 'PlanError', outcome: 'undone', message: expect.stringContaining('Permission denied') },
  },
  {
    what: 'its image is there already',
    spoil: async ({ directory }) => {
      await writeFile(copyPath(directory, 'vda', 'tuesday'), 'precious');
      return { clean: () => rm(copyPath(directory, 'vda', 'tuesday')) };
    },
    error: { name: 'CheckpointError', problems: [expect.objectContaining({ code: 'image-exists' })] },
  },
  {
    what: 'its name is that of an older one',
    spoil: () => ({ request: { name: 'monday' } }),
    error: {
      name: 'CheckpointError',
      problems: expect.arrayContaining([expect.objectContaining({ code: 'manifest-exists' })]),
    },
  },
  {
    what: 'its name is that of a checkpoint',
    spoil: async (machine) => {
      const domain = await machine.observe();
      const disks = [{ disk: 'vda' }];
      const plan = planCreateCheckpoint(domain, { name: 'tuesday', disks }, { now: 1_700_100_000 });
      await machine.store.run(domain, plan, () => runPlan(machine.session, plan));
      return {};
    },
    error: {
      name: 'CheckpointError',
      problems: expect.arrayContaining([expect.objectContaining({ code: 'checkpoint-exists' })]),
    },
  },
  {
    what: 'the node-name of its image is taken',
    spoil: async (machine) => ({ clean: await takeNodeName(machine) }),
    error: { name: 'PlanError', outcome: 'undone' },
  },
  {
    what: 'the node-name of its image is taken just before it is opened',
    spoil: (machine) => {
      let giveBack: (() => Promise<unknown>) | undefined;
      const before = once('blockdev-add', async () => {
        giveBack = await takeNodeName(machine);
      });
      return { session: interferingSession(machine.session, { before }), clean: async () => await giveBack?.() };
    },
    error: { name: 'PlanError', outcome: 'undone' },
  },
  {
    what: 'its temporary bitmap is there already',
    mode: 'push',
    spoil: async (machine) => ({ clean: await addBitmap(machine, 'vda-0', vda) }),
    error: { name: 'CheckpointError', problems: [expect.objectContaining({ code: 'bitmap-exists' })] },
  },
  {
    what: 'its temporary bitmap is made just before the transaction',
    mode: 'push',
    spoil: (machine) => beforeTransaction(() => addBitmap(machine, 'vdb-1', vdb)),
    error: { name: 'PlanError', outcome: 'undone' },
  },
  {
    what: 'the bitmap of its checkpoint is made just before the transaction',
    spoil: (machine) => beforeTransaction(() => addBitmap(machine, 'vdb-1', 'tuesday')),
    error: { name: 'PlanError', outcome: 'undone' },
  },
  {
    what: 'the bitmap of its base is removed just before the transaction',
    spoil: (machine) =>
      beforeTransaction(async () => {
        await machine.daemon.monitor.execute('block-dirty-bitmap-remove', { node: 'vda-0', name: 'monday' });
        return async () => undefined;
      }),
    error: { name: 'PlanError', outcome: 'undone' },
    bases: [undefined, 'monday', undefined],
  },
  {
    what: 'its manifest cannot be written',
    spoil: async ({ directory }) => {
      const inTheWay = join(directory, 'tuesday.backup.json.tmp');
      await mkdir(inTheWay);
      await writeFile(join(inTheWay, 'x'), '');
      return { clean: () => rm(inTheWay, { recursive: true }) };
    },
    error: { name: 'StoreError', kind: 'io' },
    isCut: true,
  },
];

const whileItRuns: readonly Row[] = [
  {
    what: 'the file system becomes full',
    mode: 'push',
    spoil: ({ session }) => ({
      session: interferingSession(session, { rewrite: faulty({ errno: 28, event: 'write_aio' }) }),
    }),
    error: { name: 'BackupError', message: expect.stringContaining('disk vda: No space left on device') },
  },
  {
    what: 'a file becomes as large as it may',
    mode: 'push',
    spoil: ({ session, daemon }) => ({
      session: interferingSession(session, { before: once('transaction', () => limitFiles(daemon.pid, 2 ** 19)) }),
      clean: () => limitFiles(daemon.pid, 'unlimited'),
    }),
    error: { name: 'BackupError', message: expect.stringMatching(/disk vd[abc]: File too large/) },
  },
  {
    what: 'the disk cannot be read',
    spoil: async ({ daemon: { monitor } }) => {
      const errors = [{ event: 'read_aio', iotype: 'read' }];
      const reopen = (file: string) =>
        monitor.execute('blockdev-reopen', {
          options: [{ driver: 'qcow2', 'node-name': 'vda-0', discard: 'unmap', file }],
        });
      return {
        beforeTransaction: async () => {
          const broken = { driver: 'blkdebug', 'node-name': 'broken', image: 'vda-0-file', 'inject-error': errors };
          await monitor.execute('blockdev-add', broken);
          await reopen('broken');
        },
        clean: async () => {
          await reopen('vda-0-file');
          await monitor.execute('blockdev-del', { 'node-name': 'broken' });
        },
      };
    },
    error: { name: 'BackupError', message: expect.stringMatching(/disk vda: .*Input\/output error/) },
  },
  {
    what: 'another client cancels its job',
    mode: 'push',
    spoil: (machine) => ({
      request: slow,
      session: interferingSession(machine.session, { after: once('transaction', () => cancelJob(machine, vda)) }),
    }),
    error: { name: 'BackupError', message: expect.stringContaining('disk vda: Operation canceled') },
  },
  {
    what: 'another client cancels its job',
    mode: 'pull',
    spoil: (machine) => ({ beforeRead: ifVda(() => cancelJob(machine, vda)) }),
    error: { name: 'BackupError', message: expect.stringContaining('disk vda: its job ended while it was read') },
  },
  {
    what: 'another client dismisses its job',
    mode: 'push',
    spoil: ({ session, daemon: { monitor } }) => {
      const ended = monitor.nextEvent('JOB_STATUS_CHANGE', ({ id, status }) => id === vda && status === 'concluded');
      const after = once('transaction', async () => {
        await ended;
        await monitor.execute('job-dismiss', { id: vda });
      });
      return { session: interferingSession(session, { after }) };
    },
    error: { name: 'BackupError', message: expect.stringContaining('disk vda: its job is gone') },
  },
  {
    what: 'another client dismisses its job once all is copied',
    mode: 'push',
    spoil: (machine) => {
      const { session, daemon } = machine;
      const observe = async () => {
        const domain = await machine.observe();
        const jobs = (await session.execute('query-jobs')) as readonly { readonly id: string }[];
        if (jobs.some(({ id }) => id === vda)) await daemon.monitor.execute('job-dismiss', { id: vda });
        return domain;
      };
      return { observe };
    },
    error: { name: 'PlanError' },
    isCut: true,
  },
  {
    what: 'another client removes its export',
    mode: 'pull',
    spoil: ({ daemon: { monitor } }) => ({
      beforeRead: ifVda(async () => {
        const gone = monitor.nextEvent('BLOCK_EXPORT_DELETED', ({ id }) => id === vda);
        await monitor.execute('block-export-del', { id: vda, mode: 'hard' });
        await gone;
      }),
    }),
    error: { name: 'BackupError', message: expect.stringMatching(/disk vda: .*qemu-img failed/) },
  },
  {
    what: 'another client stops the NBD server',
    mode: 'pull',
    spoil: (machine) => ({
      beforeRead: ifVda(() => machine.daemon.monitor.execute('nbd-server-stop')),
      clean: () => machine.serveAgain(),
    }),
    error: { name: 'BackupError', message: expect.stringMatching(/disk vda: .*qemu-img failed/) },
  },
  {
    what: 'its reader fails',
    mode: 'pull',
    spoil: () => ({ beforeRead: () => Promise.reject(new Error('the tape is torn')) }),
    error: { name: 'BackupError', message: expect.stringContaining('disk vda: the tape is torn') },
  },
  {
    what: 'it is aborted just before the transaction',
    spoil: () => {
      const { signal, abort } = stop();
      return { signal, beforeTransaction: abort };
    },
    error: { name: 'PlanError', outcome: 'undone' },
  },
  {
    what: 'it is aborted while it copies',
    mode: 'push',
    spoil: ({ session }) => {
      const { signal, abort } = stop();
      const after = once('transaction', async () => abort());
      return { request: slow, signal, session: interferingSession(session, { after }) };
    },
    error: { name: 'Error', message: 'enough for tonight' },
  },
  {
    what: 'it is aborted while an export is read',
    mode: 'pull',
    spoil: () => {
      const { signal, abort } = stop();
      return { signal, beforeRead: async () => abort() };
    },
    error: { name: 'Error', message: 'enough for tonight' },
  },
  {
    what: 'the guest cannot be frozen',
    spoil: () => ({ beforeTransaction: () => Promise.reject(new Error('the agent is silent')) }),
    error: { name: 'PlanError', outcome: 'undone', message: expect.stringContaining('the agent is silent') },
  },
];

/** Closes the session once a command was answered. */
function cutAfter({ session }: NightlyMachine, command: string): Pick<Spoiled, 'session'> {
  return { session: interferingSession(session, { after: once(command, () => session.close()) }) };
}

const cut: readonly Row[] = [
  {
    what: 'its session is lost just after the transaction',
    spoil: (machine) => ({ request: slow, ...cutAfter(machine, 'transaction'), clean: () => reconnect(machine) }),
    error: { kind: expect.stringMatching(/^(closed|plan)$/) },
    isCut: true,
  },
  {
    what: 'its session is lost while an export is read',
    mode: 'pull',
    spoil: (machine) => ({
      beforeRead: ifVda(() => machine.session.close()),
      clean: () => reconnect(machine),
    }),
    error: { kind: 'closed' },
    isCut: true,
  },
  {
    what: 'its session is lost while it is ended',
    spoil: (machine) => ({ ...cutAfter(machine, 'job-dismiss'), clean: () => reconnect(machine) }),
    error: { kind: 'plan' },
    isCut: true,
  },
  {
    what: 'QEMU is killed while it copies',
    spoil: (machine) => ({
      request: slow,
      session: interferingSession(machine.session, { after: once('transaction', () => machine.kill()) }),
      clean: () => machine.restart('SIGKILL'),
    }),
    error: { kind: expect.stringMatching(/^(closed|plan)$/) },
    // What was never stored is lost; on a layer it is made anew.
    bases: [undefined, 'monday', undefined],
    isCut: true,
  },
];

describeOnEachQemu('a backup that fails harms no other', (qemu) => {
  describe.each(['push', 'pull'] as const)('in a %s', (mode) => {
    const of = (rows: readonly Row[]) => rows.filter((row) => row.mode === undefined || row.mode === mode);

    it.each(of(inTheWay))('where $what', async (row) => {
      await using machine = await threeDisks(qemu);
      await expectHarmless(machine, mode, row);
    });

    it.each(of(cut))('where $what', async (row) => {
      await using machine = await threeDisks(qemu);
      await expectHarmless(machine, mode, row);
    });

    it.each(['copying', 'written'])('whose process is killed when it says "%s"', async (until) => {
      await using machine = await threeDisks(qemu);
      await changeAll(machine);
      await machine.backUp({ name: 'monday', mode });
      await changeAll(machine);
      const socket = mode === 'pull' ? [machine.daemon.nbdAddress] : [];
      const disks = JSON.stringify(
        machine.disks.map(({ diskTarget, layers: [nodeName] }) => ({ diskTarget, nodeName })),
      );
      await machine.lend(async (address, store) => {
        const words = [address, store, machine.directory, disks, until, ...socket];
        await using manager = startManager('one-backup.mjs', words);
        await manager.expectLine('ready');
        manager.go();
        await manager.expectLine(until);
        manager.kill();
        await manager.ended;
      });
      expect((await machine.store.load()).backup).toMatchObject({ checkpoint: 'tuesday' });
      await expectNextNight(machine, mode, onMonday);
      // What was whole is kept, though its checkpoint is not.
      const left = (await readdir(machine.directory)).filter((name) => name.includes('tuesday'));
      expect(left.length > 0).toBe(until === 'written');
    });

    it.each(of(whileItRuns))('where $what', async (row) => {
      await using machine = await threeDisks(qemu);
      await expectHarmless(machine, mode, row);
    });
  });
});

/**
 * The laws of a backup that fails:
 *
 * 1. nothing of it is left, neither in QEMU nor in the folder nor in the store, and what was there is as it was;
 * 2. the older checkpoints are as they were;
 * 3. the next night's backup builds on them, and restores to the right bytes.
 */
async function expectHarmless(machine: NightlyMachine, mode: Mode, row: Row): Promise<void> {
  await changeAll(machine);
  await machine.backUp({ name: 'monday', mode });
  await changeAll(machine);
  const { clean, request, ...options } = await row.spoil(machine, mode);
  const before = { files: await filesOf(machine), bitmaps: await bitmapsOf(machine, 'monday') };
  const tuesday = machine.backUp({ name: 'tuesday', mode, ...request }, options);
  await expect(tuesday).rejects.toMatchObject(row.error);
  if (!row.isCut) expect(await filesOf(machine)).toEqual(before.files);
  await clean?.();
  if (!row.isCut) {
    // 1
    expect(await machine.leftovers()).toEqual([]);
    // 2
    if (row.bases === undefined) expect(await bitmapsOf(machine, 'monday')).toEqual(before.bitmaps);
  }
  await expectNextNight(machine, mode, row.bases ?? onMonday);
  // 1
  const made = (await readdir(machine.directory)).filter((name) => name.includes('tuesday'));
  expect(made).toEqual([]);
}

/** 3 */
async function expectNextNight(machine: NightlyMachine, mode: Mode, wanted: Row['bases']): Promise<void> {
  await changeAll(machine);
  const { bases } = await machine.backUp({ name: 'wednesday', mode });
  expect(bases.map(({ since }) => since)).toEqual(wanted);
  expect(await machine.leftovers()).toEqual([]);
  for (const point of ['monday', 'wednesday'])
    expect([point, await machine.wronglyRestored(point)]).toEqual([point, []]);
}

/** vda, vdb on a lower layer, and vdc, which is raw. */
async function threeDisks(qemu: Qemu): Promise<NightlyMachine> {
  const machine = await nightlyMachine(qemu, { formats: ['qcow2', 'qcow2', 'raw'] });
  await machine.snapshot('vdb');
  return machine;
}

async function changeAll(machine: NightlyMachine): Promise<void> {
  for (const { diskTarget } of machine.disks) await machine.change(diskTarget, 3);
}

async function reconnect(machine: NightlyMachine): Promise<void> {
  await machine.lend(() => Promise.resolve());
}

/** What lies in the folder of the backups: scratch images that nobody needs any more too. */
async function filesOf({ directory }: NightlyMachine): Promise<readonly string[]> {
  const names = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
  const files = names.map(async ({ name }) => `${name} ${(await readFile(join(directory, name))).toString('base64')}`);
  return (await Promise.all(files)).toSorted();
}

async function bitmapsOf(machine: NightlyMachine, name: string) {
  const { disks } = await machine.observe();
  const nodes = disks.flatMap(({ backingChain }) => backingChain);
  return nodes.flatMap(({ nodeName, bitmaps }) =>
    bitmaps.filter((bitmap) => bitmap.name === name).map((bitmap) => ({ nodeName, ...bitmap })),
  );
}

/** Has the writes to new files fail. */
function faulty(error: { readonly errno: number; readonly event: 'none' | 'write_aio' }) {
  return (command: string, args: { readonly [member: string]: unknown }) => {
    const { driver, filename, ...rest } = args;
    if (command !== 'blockdev-add' || driver !== 'file') return undefined;
    const image = { driver, filename };
    return { ...rest, driver: 'blkdebug', image, 'inject-error': [{ iotype: 'write', ...error }] };
  };
}

async function limitFiles(pid: number, bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
}

async function takeNodeName({ daemon: { monitor } }: NightlyMachine): Promise<() => Promise<unknown>> {
  await monitor.execute('blockdev-add', { driver: 'null-co', 'node-name': vdb, 'read-zeroes': true });
  return () => monitor.execute('blockdev-del', { 'node-name': vdb });
}

async function addBitmap({ daemon: { monitor } }: NightlyMachine, node: string, name: string) {
  await monitor.execute('block-dirty-bitmap-add', { node, name });
  return () => monitor.execute('block-dirty-bitmap-remove', { node, name });
}

/** Does what another client does just before the transaction. */
function beforeTransaction(act: () => Promise<() => Promise<unknown>>): Spoiled {
  let undo: (() => Promise<unknown>) | undefined;
  const before = async () => {
    undo = await act();
  };
  return { beforeTransaction: before, clean: async () => await undo?.() };
}

async function cancelJob({ daemon: { monitor } }: NightlyMachine, jobId: string): Promise<void> {
  const ended = monitor.nextEvent('JOB_STATUS_CHANGE', ({ id, status }) => id === jobId && status === 'concluded');
  await monitor.execute('job-cancel', { id: jobId });
  await ended;
}

function ifVda(act: () => Promise<unknown>): (diskTarget: string) => Promise<unknown> {
  return async (diskTarget) => (diskTarget === 'vda' ? await act() : undefined);
}

function stop(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('enough for tonight')) };
}
