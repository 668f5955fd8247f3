import { join } from 'node:path';
import type { QmpSession } from '../../../src/qmp/qmp-session.js';
import { attachImage, createImage } from './images.js';
import type { RunningQemu } from './start-qemu.js';

/** A bitmap by the node it is on. */
export type BitmapPlace = readonly [nodeName: string, bitmap: string];

/** Where the image of a node lies. */
export function imageOf(folder: string, nodeName: string): string {
  return join(folder, `${nodeName}.qcow2`);
}

/** Makes an image and opens it. */
export async function attachNew({ qemu, monitor }: RunningQemu, folder: string, nodeName: string): Promise<void> {
  await attachImage(monitor, { nodeName, filename: await createImage(qemu, imageOf(folder, nodeName)) });
}

/** Opens images that are there, from the base up and only the active one for writing, as a machine does when it starts. */
export async function attachChain(session: QmpSession, folder: string, nodeNames: readonly string[]): Promise<void> {
  for (const [layer, nodeName] of [...nodeNames.entries()].reverse()) {
    const backing = nodeNames[layer + 1];
    const chained = backing === undefined ? {} : { backing };
    await attachImage(session, { nodeName, filename: imageOf(folder, nodeName), readOnly: layer > 0, ...chained });
  }
}

/** Adds persistent bitmaps, all at one instant. */
export async function addBitmaps(session: QmpSession, bitmaps: readonly BitmapPlace[]): Promise<void> {
  await session.execute('transaction', { actions: addActions(bitmaps) });
}

/** Puts a new image on top of a node, with bitmaps added at the same instant. */
export async function takeSnapshot(
  { qemu, monitor }: RunningQemu,
  folder: string,
  [node, overlay]: readonly [node: string, overlay: string],
  bitmaps: readonly BitmapPlace[],
): Promise<void> {
  const backing = { filename: imageOf(folder, node), format: 'qcow2' };
  const filename = await createImage(qemu, imageOf(folder, overlay), { backing });
  await attachImage(monitor, { nodeName: overlay, filename, backing: null });
  const snapshot = { type: 'blockdev-snapshot', data: { node, overlay } };
  await monitor.execute('transaction', { actions: [...addActions(bitmaps), snapshot] });
}

function addActions(bitmaps: readonly BitmapPlace[]) {
  return bitmaps.map(([node, name]) => ({ type: 'block-dirty-bitmap-add', data: { node, name, persistent: true } }));
}
