import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Domain } from '../../../src/index.js';
import { granule } from '../../support/qemu/busy-guest.js';
import { imageOf } from '../../support/qemu/disks.js';
import { incrementalSince } from '../../support/qemu/incremental.js';
import { diskBytes } from '../../support/qemu/layered-machine.js';
import type { RunningQemu } from '../../support/qemu/start-qemu.js';
import { activeOf, type ModelDisk, originOf, type WalkModel } from './model.js';
import { observeWalk, type WalkWorld } from './world.js';

/**
 * Where QEMU, or what the last plan said, is not as the model says:
 *
 * 1. there are the layers of the disks, only the active ones open for writing, and no other node and no job;
 * 2. each layer has the bitmaps of the checkpoints made on it or on one below it, in good order, and no others;
 * 3. the bitmaps of a checkpoint together mark the granules written since, each and no other;
 * 4. the tree has the checkpoints, one the parent of the next, and says on which layers they were made;
 * 5. the domain is what the plan said it would be.
 */
export async function disagreements(world: WalkWorld, next: Domain | undefined): Promise<readonly string[]> {
  const { daemon, model, folder, saved } = world;
  const faults: string[] = [];
  const expect = (what: string, found: unknown, expected: unknown) => {
    if (isDeepStrictEqual(found, expected)) return;
    faults.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  };
  // 1
  expect('jobs', await daemon.monitor.execute('query-jobs'), []);
  const nodes = (await daemon.monitor.execute('query-named-block-nodes', { flat: true })) as readonly NodeReply[];
  const names = model.disks.flatMap(({ layers }) => layers.flatMap((layer) => [layer, `${layer}-file`]));
  expect('nodes', nodes.map((node) => node['node-name']).toSorted(), names.toSorted());
  for (const disk of model.disks) {
    for (const [place, layer] of disk.layers.entries()) {
      const node = nodes.find((each) => each['node-name'] === layer);
      if (node === undefined) continue;
      expect(`read-only ${layer}`, node.ro, place > 0 && !disk.leftOpen.has(layer));
      const below = disk.layers[place + 1];
      expect(`backing of ${layer}`, node.backing_file, below === undefined ? undefined : imageOf(folder, below));
      // 2
      const bitmaps = (node['dirty-bitmaps'] ?? []).toSorted((one, other) => (one.name < other.name ? -1 : 1));
      const expected = [...disk.since.keys()].filter((name) => originOf(disk, name) >= place).toSorted();
      expect(
        `bitmaps of ${layer}`,
        bitmaps.map(({ count: _, ...bitmap }) => bitmap),
        expected.map((name) => ({ name, recording: true, persistent: true, busy: false, granularity: granule })),
      );
    }
    // 3
    for (const [name, hash] of faults.length > 0 ? [] : await bitsSince(daemon, disk)) {
      expect(`bits since ${name} on ${disk.diskTarget}`, hash, hashOf(disk.since.get(name)?.written ?? new Set()));
    }
  }
  // 4
  expect(
    'checkpoints',
    saved,
    treeOf(
      model,
      folder,
      saved.checkpoints.map(({ creationTimeSeconds }) => creationTimeSeconds),
    ),
  );
  // 5
  const seen = await observeWalk(world);
  if (next !== undefined) expect('the domain', shapeOf(seen), shapeOf(next));
  return faults;
}

/** Which checkpoints do not restore to the bytes that are on the disk, or say more than was written. */
export async function wrongBytes(world: WalkWorld): Promise<readonly string[]> {
  const { daemon, folder, guests, model } = world;
  const faults: string[] = [];
  for (const { diskTarget, content, since } of model.disks) {
    const read = await guests.get(diskTarget)?.read();
    if (read?.equals(content) !== true) faults.push(`disk ${diskTarget} does not hold what was written`);
    for (const [bitmap, { base, written }] of since) {
      const request = { diskTarget, bitmap, base };
      const { restored, bitmapBytes } = await incrementalSince(daemon, folder, await observeWalk(world), request);
      if (!restored.equals(content)) faults.push(`disk ${diskTarget} restored since ${bitmap} is wrong`);
      const excess = bitmapBytes - written.size * granule;
      if (excess !== 0) faults.push(`the bitmaps of ${bitmap} on ${diskTarget} say ${excess} bytes more`);
    }
  }
  return faults;
}

interface NodeReply {
  readonly 'node-name': string;
  readonly ro: boolean;
  readonly backing_file?: string;
  readonly 'dirty-bitmaps'?: readonly { readonly name: string; readonly count: number }[];
}

/** A hash of all bits of each checkpoint, over the layers that have it; by QEMU's own commands and not by the library. */
async function bitsSince({ monitor }: RunningQemu, disk: ModelDisk): Promise<readonly (readonly [string, unknown])[]> {
  const node = activeOf(disk);
  const names = [...disk.since.keys()];
  if (names.length === 0) return [];
  const actions = names.flatMap((name) => {
    const layers = disk.layers.slice(0, originOf(disk, name) + 1);
    const add = { node, name: `bits-${name}`, granularity: granule, disabled: true };
    const bitmaps = layers.map((layer) => ({ node: layer, name }));
    return [
      { type: 'block-dirty-bitmap-add', data: add },
      { type: 'block-dirty-bitmap-merge', data: { node, target: `bits-${name}`, bitmaps } },
    ];
  });
  await monitor.execute('transaction', { actions });
  const found: (readonly [string, unknown])[] = [];
  for (const name of names) {
    const place = { node, name: `bits-${name}` };
    const reply = (await monitor.execute('x-debug-block-dirty-bitmap-sha256', place)) as { readonly sha256: string };
    found.push([name, reply.sha256]);
  }
  const removals = names.map((name) => ({ type: 'block-dirty-bitmap-remove', data: { node, name: `bits-${name}` } }));
  await monitor.execute('transaction', { actions: removals });
  return found;
}

/** As QEMU makes it: one bit a granule, in words of eight bytes, the lowest first. */
function hashOf(written: ReadonlySet<number>): string {
  const bits = Buffer.alloc(diskBytes / granule / 8);
  for (const at of written) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  return createHash('sha256').update(bits).digest('hex');
}

function treeOf({ disks, checkpoints: names }: WalkModel, folder: string, times: readonly number[]) {
  const current = names.at(-1);
  const checkpoints = names.map((name, place) => ({
    name,
    ...(place > 0 && { parent: names[place - 1] }),
    creationTimeSeconds: times[place],
    disks: disks.map(({ diskTarget, since }) => {
      const checkpoint = since.get(name);
      if (checkpoint === undefined) return { diskTarget };
      return { diskTarget, bitmap: name, madeOn: imageOf(folder, checkpoint.madeOn) };
    }),
  }));
  return { checkpoints, ...(current !== undefined && { current }) };
}

/** What a plan can know beforehand: not how many bytes are dirty after a merge. */
function shapeOf({ disks, otherNodes = [] }: Domain) {
  return {
    disks: disks.map(({ diskTarget, sourcePath, backingChain }) => ({
      diskTarget,
      sourcePath,
      layers: backingChain.map(({ nodeName, readOnly, filename, backingFilename, virtualSize, bitmaps }) => ({
        ...{ nodeName, readOnly, filename, backingFilename, virtualSize },
        bitmaps: bitmaps.map(({ name }) => name),
      })),
    })),
    others: otherNodes.map(({ nodeName }) => nodeName),
  };
}
