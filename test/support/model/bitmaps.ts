import type { BackupStartAction, BitmapAction, TransactionAction } from '../../../src/index.js';
import { known, type ModelBitmap, type ModelNode, markBytes, putOn, type State, store } from './state.js';

/** Does one action of a transaction on bitmaps or layers, or throws with QEMU's text. */
export function prepare(state: State, action: Exclude<TransactionAction, BackupStartAction>): void {
  switch (action.kind) {
    case 'bitmap-add':
      addBitmap(state, action);
      return;
    case 'bitmap-merge': {
      const node = known(state, action.nodeName);
      const into = usable(writable(node, findBitmap(node, action.intoBitmap)));
      for (const source of action.sources) merge(state, node, into, source);
      return;
    }
    case 'snapshot-take':
      takeSnapshot(state, action.nodeName, action.overlayNodeName);
      return;
    default:
      change(state, action);
  }
}

function change(state: State, action: BitmapAction): void {
  const node = known(state, action.nodeName);
  const bitmap = idle(findBitmap(node, action.bitmap));
  switch (action.kind) {
    case 'bitmap-remove':
      writable(node, bitmap).removed = true;
      return;
    case 'bitmap-clear':
      usable(writable(node, bitmap)).dirty.clear();
      return;
    case 'bitmap-enable':
      usable(bitmap).recording = true;
      return;
    case 'bitmap-disable':
      usable(bitmap).recording = false;
  }
}

function takeSnapshot(state: State, nodeName: string, overlayNodeName: string): void {
  const active = known(state, nodeName);
  const overlay = known(state, overlayNodeName);
  const inUse = [...state.nodes.values()].some(({ backing }) => backing === overlayNodeName);
  if (inUse || [...state.roots.values()].includes(overlayNodeName)) throw new Error('The overlay is already in use');
  if (overlay.backing !== undefined) throw new Error('The overlay already has a backing image');
  if (overlay.image.format === 'raw') throw new Error('The overlay does not support backing images');
  putOn(overlay, nodeName);
  for (const [diskTarget, root] of state.roots) if (root === nodeName) state.roots.set(diskTarget, overlayNodeName);
  // The old node turns read-only by itself, which stores its bitmaps.
  active.readOnly = true;
  store(active);
}

function addBitmap(state: State, action: TransactionAction & { readonly kind: 'bitmap-add' }): void {
  const { nodeName, bitmap: name, persistent, recording } = action;
  const node = state.nodes.get(nodeName);
  if (node === undefined) throw new Error(`Cannot find device='${nodeName}' nor node-name='${nodeName}'`);
  if (name === '') throw new Error('Bitmap name cannot be empty');
  if (node.bitmaps.some((bitmap) => bitmap.name === name)) throw new Error(`Bitmap already exists: ${name}`);
  if (Buffer.byteLength(name) > 1023) throw new Error(`Bitmap name too long: ${name}`);
  const granularity = action.granularity ?? Math.min(Math.max(node.image.clusterSize ?? 65536, 4096), 65536);
  if (granularity < 512 || !/^10*$/.test(granularity.toString(2))) {
    throw new Error('Granularity must be power of 2 and at least 512');
  }
  if (persistent) expectStorable(node, granularity);
  const state0 = { busy: false, inconsistent: false, stored: false, removed: false };
  node.bitmaps.unshift({ name, granularity, persistent, recording, dirty: new Set(), ...state0 });
}

function expectStorable({ image, virtualSize, bitmaps }: ModelNode, granularity: number): void {
  const { nodeName, format, qcow2Version } = image;
  if (format !== 'qcow2') throw new Error(`Can't store persistent bitmaps to ${nodeName}: Operation not supported`);
  const because = (reason: string) => new Error(`Can't make bitmap persistent in '${nodeName}': ${reason}`);
  if (qcow2Version === 2) throw because('Cannot store dirty bitmaps in qcow2 v2 files');
  if (granularity > 2 ** 31) throw because('Granularity exceeds maximum (2147483648 bytes)');
  if (virtualSize / granularity / 8 > 512 * 2 ** 20) throw because('Too much space will be occupied by the bitmap');
  if (bitmaps.filter(({ persistent }) => persistent).length >= 65535) {
    throw because('Maximum number of persistent bitmaps is already reached');
  }
}

function merge(
  state: State,
  node: ModelNode,
  into: ModelBitmap,
  source: { readonly nodeName: string; readonly bitmap: string },
): void {
  const from = known(state, source.nodeName);
  const bitmap = usable(idle(findBitmap(from, source.bitmap)));
  if (from.virtualSize !== node.virtualSize) throw new Error('Bitmaps are of different sizes');
  for (const granule of [...bitmap.dirty]) {
    const offset = granule * bitmap.granularity;
    markBytes(into, offset, Math.min(bitmap.granularity, node.virtualSize - offset));
  }
}

export function findBitmap(node: ModelNode, name: string): ModelBitmap {
  const bitmap = node.bitmaps.find((each) => each.name === name);
  if (bitmap === undefined) throw new Error(`Dirty bitmap '${name}' not found`);
  return bitmap;
}

export function idle(bitmap: ModelBitmap): ModelBitmap {
  // QEMU's word for one that was removed earlier in the same transaction, too.
  if (bitmap.busy || bitmap.removed) {
    throw new Error(`Bitmap '${bitmap.name}' is currently in use by another operation and cannot be used`);
  }
  return bitmap;
}

/** QEMU marks only those as read-only that it has read from an image which it has open for reading only. */
function writable(node: ModelNode, bitmap: ModelBitmap): ModelBitmap {
  idle(bitmap);
  if (node.readOnly && bitmap.persistent) throw new Error(`Bitmap '${bitmap.name}' is readonly and cannot be modified`);
  return bitmap;
}

export function usable(bitmap: ModelBitmap): ModelBitmap {
  if (bitmap.inconsistent) throw new Error(`Bitmap '${bitmap.name}' is inconsistent and cannot be used`);
  return bitmap;
}
