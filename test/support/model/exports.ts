import type { ExportAddAction } from '../../../src/index.js';
import { idle, usable } from './bitmaps.js';
import { layersFrom, type ModelBitmap, type State } from './state.js';

/** QEMU has one NBD server. */
export function startServer(state: State): void {
  if (state.isServing) throw new Error('NBD server already running');
  state.isServing = true;
}

/** Its exports end with it; where it does not run, there is nothing to do. */
export function stopServer(state: State): void {
  for (const id of [...state.exports.keys()]) removeExport(state, id);
  state.isServing = false;
}

export function addExport(state: State, action: ExportAddAction): void {
  const { exportId, nodeName, exportName, bitmap, bitmapNodeName = nodeName } = action;
  if (!/^[a-zA-Z][a-zA-Z0-9._-]*$/.test(exportId)) throw new Error(`Invalid block export id: ${exportId}`);
  if (state.exports.has(exportId)) throw new Error(`Block export id '${exportId}' is already in use`);
  const node = state.nodes.get(nodeName);
  if (node === undefined) throw new Error(`Cannot find device='' nor node-name='${nodeName}'`);
  if (!state.isServing) throw new Error('NBD server not running');
  if ([...state.exports.values()].some((each) => each.exportName === exportName)) {
    throw new Error(`NBD server already has export named '${exportName}'`);
  }
  if (bitmap !== undefined) {
    const exported = usable(idle(bitmapBelow(state, bitmapNodeName, bitmap)));
    if (exported.recording && !node.readOnly && bitmapNodeName === nodeName) {
      throw new Error(`Enabled bitmap '${bitmap}' incompatible with readonly export`);
    }
    exported.busy = true;
  }
  state.exports.set(exportId, { nodeName, exportName, ...(bitmap !== undefined && { bitmap, bitmapNodeName }) });
}

/** Where it is gone, there is nothing to do. */
export function removeExport(state: State, exportId: string): void {
  const exported = state.exports.get(exportId);
  if (exported === undefined) return;
  if (exported.bitmap !== undefined) {
    bitmapBelow(state, exported.bitmapNodeName ?? exported.nodeName, exported.bitmap).busy = false;
  }
  state.exports.delete(exportId);
}

/** Nodes that nothing may close while clients can read them. */
export function heldByExports({ exports }: State): ReadonlySet<string> {
  return new Set([...exports.values()].map(({ nodeName }) => nodeName));
}

/** QEMU looks for it on the node and on all layers below. */
function bitmapBelow(state: State, nodeName: string, name: string): ModelBitmap {
  const found = layersFrom(state, nodeName).flatMap(({ bitmaps }) => bitmaps.filter((bitmap) => bitmap.name === name));
  const [bitmap] = found;
  if (bitmap === undefined) throw new Error(`Bitmap '${name}' is not found`);
  return bitmap;
}
