import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Domain, type Plan, planCommit, planCopy, planCreateCheckpoint } from '../../src/index.js';
import { connect, observeDomain, runPlan } from '../../src/qmp/index.js';
import { writeToDevice } from '../support/live/machines.js';
import { granule, seededRandom } from '../support/qemu/busy-guest.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { imageOf } from '../support/qemu/disks.js';
import type { Qemu } from '../support/qemu/find-qemu.js';
import { createImage } from '../support/qemu/images.js';
import { incrementalSince } from '../support/qemu/incremental.js';
import { type RunningQemu, startSystem } from '../support/qemu/start-qemu.js';
import { temporaryFolder } from '../support/qemu/temporary-folder.js';

/** A disk of `-drive` with two layers. Its nodes have names, but nobody holds them: they go with the last that uses them. */
async function startDrive(qemu: Qemu, folder: string): Promise<RunningQemu> {
  const base = await createImage(qemu, imageOf(folder, 'base'));
  const top = await createImage(qemu, imageOf(folder, 'top'), { backing: { filename: base, format: 'qcow2' } });
  const names = 'node-name=top,file.node-name=top-file,backing.node-name=base,backing.file.node-name=base-file';
  const drive = ['-drive', `if=none,id=drive0,file=${top},format=qcow2,${names}`];
  return await startSystem(qemu, { machine: 'q35', args: [...drive, '-device', 'virtio-blk-pci,id=vda,drive=drive0'] });
}

/** Writes through the device, a few kilobytes somewhere each time. */
async function write(running: RunningQemu, random: () => number, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    const offset = Math.floor(random() * 4096) * 4096;
    await writeToDevice(running, 'vda', { offset, length: 4096, byte: 1 + Math.floor(random() * 255) });
  }
}

/** All that is on a node, by a backup: a device lets nobody else write to it. */
async function read({ monitor }: RunningQemu, folder: string, device: string): Promise<Buffer> {
  const filename = join(folder, 'all.raw');
  await writeFile(filename, Buffer.alloc(2 ** 24));
  await monitor.execute('blockdev-add', { driver: 'file', 'node-name': 'all', filename });
  const done = monitor.nextEvent('BLOCK_JOB_COMPLETED', (data) => data['device'] === 'all');
  await monitor.execute('blockdev-backup', { 'job-id': 'all', device, target: 'all', sync: 'full' });
  await done;
  await monitor.execute('blockdev-del', { 'node-name': 'all' });
  return await readFile(filename);
}

describeOnEachQemu('a disk of -drive', (qemu) => {
  const copy = (shallow: boolean) => (domain: Domain, folder: string) => {
    return planCopy(domain, {
      diskTarget: 'vda',
      shallow,
      mirror: { nodeName: 'copy', filename: imageOf(folder, 'copy') },
    });
  };
  it.each<[string, string, (domain: Domain, folder: string) => Plan]>([
    [
      'an active commit',
      'base',
      (domain) => planCommit(domain, { diskTarget: 'vda', topNodeName: 'top', baseNodeName: 'base' }),
    ],
    ['a copy of all layers', 'copy', copy(false)],
    ['a copy of the active layer', 'copy', copy(true)],
  ])('keeps its checkpoints through %s, though its layers go by themselves', async (_, active, plan) => {
    await using folder = await temporaryFolder();
    await using running = await startDrive(qemu, folder.path);
    await using session = await connect(running.address);
    const random = seededRandom(11);
    const observe = (checkpoints: Domain['checkpoints']) => observeDomain(session, { name: 'drive', checkpoints });
    const { checkpoints } = await runPlan(
      session,
      planCreateCheckpoint(await observe({ checkpoints: [] }), { name: 'monday' }, { now: 1_700_000_000 }),
    );
    const base = await read(running, folder.path, 'top');
    await write(running, random, 20);
    const planned = plan(await observe(checkpoints), folder.path);
    const isLetGo = planned.steps.findIndex(({ command }) => command.kind === 'job-complete');
    const run = (from: number, to?: number) =>
      runPlan(session, { ...planned, steps: planned.steps.slice(from, to), next: planned.next });
    await run(0, isLetGo);
    // What nobody merges: the active layer is gone before it can be asked.
    await write(running, random, 20);
    const [next] = await Promise.all([run(isLetGo), write(running, random, 5)]);

    const seen = await observe(next.checkpoints);
    expect(seen.disks[0]?.backingChain[0]?.nodeName).toBe(active);
    expect(seen.otherNodes).toBeUndefined();
    expect(await session.execute('query-jobs')).toEqual([]);
    const disk = { diskTarget: 'vda', bitmap: 'monday', base };
    const { restored, bitmapBytes } = await incrementalSince(running, folder.path, seen, disk);
    expect(restored.equals(await read(running, folder.path, active))).toBe(true);
    expect(bitmapBytes).toBeGreaterThan(20 * granule);
  });
});
