import { expect, it } from 'vitest';
import { type CheckpointTree, type Plan, planDeleteCheckpoint } from '../../src/index.js';
import { formatCommand, QmpCommandError } from '../../src/qmp/index.js';
import { layered } from '../record/worlds.js';
import { checkpoint, tree } from '../support/builders.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { addBitmaps, attachNew, imageOf } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { attachGuest } from '../support/qemu/guest-disk.js';
import { readImageInfo } from '../support/qemu/images.js';
import { lookAtDomain } from '../support/qemu/look-at-domain.js';
import { sendPlan } from '../support/qemu/send-plan.js';
import { type RunningQemu, startStorageDaemon } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

const disks = ['vda', 'vdb'];
const metadata = tree([
  checkpoint('monday', { disks }),
  checkpoint('tuesday', { disks, parent: 'monday' }),
  checkpoint('wednesday', { disks, parent: 'tuesday' }),
]);
const images = ['vda-active', 'vda-middle', 'vda-base', 'vdb'];

describeOnEachQemu('a checkpoint over three layers', (qemu) => {
  it('is removed from all of them, the read-only ones opened for it and closed again, under a guest', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await layered(qemu, folder.path);
    const guest = await attachGuest(daemon, 'vda-active');
    const content = await guest.read();
    const domain = await look(daemon, metadata);
    const plan = planDeleteCheckpoint(domain, 'monday');
    expect(commandsOf(plan)).toStrictEqual([
      'open vda-base',
      'open vda-middle',
      'transaction',
      'close vda-base',
      'close vda-middle',
    ]);

    const next = await sendPlan(daemon.monitor, plan);
    expect(await look(daemon, next.checkpoints)).toStrictEqual(next);
    expect((await guest.read()).equals(content)).toBe(true);
    await guest.detach();
    await daemon.quit();
    expect(daemon.output.stderr).toBe('');
    expect(await storedBitmaps(qemu, folder.path)).toStrictEqual({
      'vda-active': ['tuesday auto', 'wednesday auto'],
      'vda-middle': ['tuesday auto'],
      'vda-base': [],
      vdb: ['tuesday auto', 'wednesday auto'],
    });
  });

  it('is back on every layer, stored, when its removal fails and what was opened is closed', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await layered(qemu, folder.path);
    const { monitor } = daemon;
    const { steps } = planDeleteCheckpoint(await look(daemon, metadata), 'monday');
    await monitor.execute('block-dirty-bitmap-remove', { node: 'vdb', name: 'monday' });
    const before = await look(daemon, metadata);

    const done: Plan['steps'][number][] = [];
    const failure = await runUntilFailure(daemon, steps, done);
    expect(failure).toBeInstanceOf(QmpCommandError);
    expect(failure).toMatchObject({ command: 'transaction', desc: "Dirty bitmap 'monday' not found" });
    expect(done.map(({ command }) => command.kind)).toStrictEqual(['node-reopen', 'node-reopen']);
    for (const { undo } of done.reverse()) if (undo !== undefined) await send(daemon, undo);
    expect(await look(daemon, metadata)).toStrictEqual(before);

    // QEMU had removed it from the images while it prepared the transaction; closing a layer stores it again.
    await daemon.quit();
    expect(await storedBitmaps(qemu, folder.path)).toStrictEqual({
      'vda-active': ['monday auto', 'tuesday auto', 'wednesday auto'],
      'vda-middle': ['monday auto', 'tuesday auto'],
      'vda-base': ['monday auto'],
      vdb: ['tuesday auto', 'wednesday auto'],
    });
  });

  it('is removed from a layer that keeps the cache mode and zero detection it was added with', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    const { monitor } = daemon;
    for (const nodeName of images) await attachNew(daemon, folder.path, nodeName);
    const options = { cache: { direct: true, 'no-flush': true }, 'detect-zeroes': 'on' };
    const reopened = { driver: 'qcow2', 'node-name': 'vda-base', file: 'vda-base-file', ...options };
    await monitor.execute('blockdev-reopen', { options: [reopened] });
    await addBitmaps(monitor, [
      ['vda-base', 'monday'],
      ['vda-active', 'monday'],
    ]);
    await monitor.execute('blockdev-snapshot', { node: 'vda-base', overlay: 'vda-active' });
    const domain = await look(daemon, tree([checkpoint('monday')]));
    expect(domain.disks[0]?.backingChain[1]).toMatchObject({ readOnly: true, reopenOptions: options });

    const next = await sendPlan(monitor, planDeleteCheckpoint(domain, 'monday'));
    expect(next.disks[0]?.backingChain[1]).toMatchObject({ readOnly: true, reopenOptions: options, bitmaps: [] });
    expect(await look(daemon, next.checkpoints)).toStrictEqual(next);
  });

  it('is removed from layers that were stacked while QEMU runs, on images whose headers do not say so', async () => {
    await using folder = await temporaryFolder();
    await using daemon = await startStorageDaemon(qemu);
    const { monitor } = daemon;
    for (const nodeName of images) await attachNew(daemon, folder.path, nodeName);
    await addBitmaps(
      monitor,
      images.map((nodeName) => [nodeName, 'monday'] as const),
    );
    await monitor.execute('blockdev-snapshot', { node: 'vda-base', overlay: 'vda-middle' });
    await monitor.execute('blockdev-snapshot', { node: 'vda-middle', overlay: 'vda-active' });
    const domain = await look(daemon, tree([checkpoint('monday', { disks })]));
    expect(domain.disks[0]?.backingChain.map(({ nodeName, readOnly }) => [nodeName, readOnly])).toStrictEqual([
      ['vda-active', false],
      ['vda-middle', true],
      ['vda-base', true],
    ]);

    const next = await sendPlan(monitor, planDeleteCheckpoint(domain, 'monday'));
    expect(await look(daemon, next.checkpoints)).toStrictEqual(next);
    expect(next.disks.flatMap(({ backingChain }) => backingChain.flatMap(({ bitmaps }) => bitmaps))).toStrictEqual([]);
  });
});

function look({ monitor }: RunningQemu, checkpoints: CheckpointTree) {
  return lookAtDomain(
    monitor,
    [
      ['vda', 'vda-active'],
      ['vdb', 'vdb'],
    ],
    checkpoints,
  );
}

function commandsOf({ steps }: Plan): readonly string[] {
  return steps.map(({ command }) => {
    if (command.kind !== 'node-reopen') return command.kind;
    return `${command.readOnly ? 'close' : 'open'} ${command.nodeName}`;
  });
}

async function runUntilFailure(
  daemon: RunningQemu,
  steps: Plan['steps'],
  done: Plan['steps'][number][],
): Promise<unknown> {
  for (const step of steps) {
    try {
      await send(daemon, step.command);
    } catch (cause) {
      return cause;
    }
    done.push(step);
  }
  return undefined;
}

async function send({ monitor }: RunningQemu, command: Parameters<typeof formatCommand>[0]): Promise<void> {
  const { execute, arguments: args } = formatCommand(command);
  await monitor.execute(execute, args);
}

/** What the images hold once QEMU has closed them, with its flags: `auto` alone is well, `in-use` is not. */
async function storedBitmaps(qemu: Qemu, folder: string): Promise<Record<string, readonly string[]>> {
  const stored: Record<string, readonly string[]> = {};
  for (const image of images) {
    const info = await readImageInfo(qemu, imageOf(folder, image));
    const bitmaps = info['format-specific']?.data?.bitmaps ?? [];
    stored[image] = bitmaps.map(({ name, flags }) => `${name} ${flags.join(' ')}`).sort();
  }
  return stored;
}
