import type { BackupJob, BlockNode, Command, NodeReopenAction } from '../../../src/index.js';
import { heldByExports } from './exports.js';
import { dropUnnamed, heldByJobs } from './jobs.js';
import { known, type State, store } from './state.js';

export function reopen(state: State, action: NodeReopenAction): void {
  const { nodeName, readOnly, fileNodeName, backingNodeName, options } = action;
  const node = state.nodes.get(nodeName);
  if (node === undefined) throw new Error(`Failed to find node with node-name='${nodeName}'`);
  const { image } = node;
  if (nodeName.startsWith('#')) throw new Error(`Invalid node-name: '${nodeName}'`);
  if (action.format !== image.format) throw new Error("Cannot change the option 'driver'");
  if (fileNodeName !== image.fileNodeName) throw new Error(`Cannot change the child 'file' of '${nodeName}'`);
  if (backingNodeName !== node.backing) throw new Error(`backing is missing for '${nodeName}'`);
  if (readOnly && !node.readOnly) store(node);
  node.readOnly = readOnly;
  // Whatever is not repeated goes back to its default.
  node.options = options;
}

export function addNode(state: State, action: Command & { readonly kind: 'node-add' }): void {
  const { nodeName, format, fileNodeName, filename, backingNodeName, options } = action;
  const { nodes, fileNodes, files } = state;
  if (nodes.has(nodeName) || fileNodes.has(nodeName)) throw new Error(`Duplicate nodes with node-name='${nodeName}'`);
  if (!/^[a-zA-Z][a-zA-Z0-9._-]{0,30}$/.test(nodeName)) throw new Error(`Invalid node-name: '${nodeName}'`);
  if (format === 'file') {
    const opened = String(options?.['filename']);
    if (!files.has(opened)) throw new Error(`Could not open '${opened}': No such file or directory`);
    fileNodes.set(nodeName, opened);
    return;
  }
  if (format === 'snapshot-access') {
    openAccess(state, nodeName, String(fileNodeName));
    return;
  }
  const rest = { data: new Map(), moved: false, readOnly: false, options: undefined, bitmaps: [] };
  if (format === 'raw' && fileNodeName === undefined) {
    const virtualSize = sizeOfNothing(options);
    const image = { nodeName, format, virtualSize, readOnly: false, bitmaps: [] };
    nodes.set(nodeName, { image, virtualSize, backing: undefined, ...rest });
    return;
  }
  const opened = fileNodes.get(String(fileNodeName));
  if (opened === undefined) throw new Error(`Cannot find device='' nor node-name='${fileNodeName}'`);
  if (format === 'raw') {
    const virtualSize = files.get(opened)?.size ?? 0;
    const image = { nodeName, format, virtualSize, readOnly: false, filename: opened, fileNodeName, bitmaps: [] };
    nodes.set(nodeName, { image: image as BlockNode, virtualSize, backing: undefined, ...rest });
    return;
  }
  const header = files.get(opened)?.header;
  if (format !== 'qcow2' || header === undefined) throw new Error('Image is not in qcow2 format');
  if (typeof backingNodeName === 'string') known(state, backingNodeName);
  const image = {
    nodeName,
    format,
    ...header,
    readOnly: false,
    ...(filename !== undefined && { filename: opened }),
    fileNodeName: String(fileNodeName),
    qcow2Version: 3 as const,
    bitmaps: [],
  };
  const backing = backingNodeName ?? undefined;
  nodes.set(nodeName, { image, virtualSize: header.virtualSize, backing, ...rest, moved: true });
}

/** What a backup's filter shows: nothing else gives such access. */
function openAccess({ nodes, jobs }: State, nodeName: string, filterNodeName: string): void {
  const running = [...jobs.values()].find(({ job }) => job.kind === 'backup' && job.filterNodeName === filterNodeName);
  if (running === undefined) throw new Error(`Cannot find device='' nor node-name='${filterNodeName}'`);
  const { nodeName: source, targetNodeName: copied } = running.job as BackupJob;
  const virtualSize = nodes.get(source)?.virtualSize ?? 0;
  const image = { nodeName, format: 'snapshot-access', virtualSize, readOnly: false, bitmaps: [] };
  const rest = { data: new Map(), moved: false, readOnly: false, options: undefined, bitmaps: [], backing: undefined };
  nodes.set(nodeName, { image, virtualSize, ...rest, shows: { source, copied } });
}

/** `raw` over `null-co`: an image of that size that forgets what is written to it. */
function sizeOfNothing(options: unknown): number {
  const { file } = options as { file: { driver: string; size: number } };
  if (file.driver !== 'null-co') throw new Error('the model knows no such raw image');
  return file.size;
}

export function removeNode(state: State, { nodeName, mayBeGone }: Command & { readonly kind: 'node-remove' }): void {
  const { nodes, fileNodes, roots } = state;
  if (!nodes.has(nodeName) && !fileNodes.has(nodeName)) {
    if (mayBeGone) return;
    throw new Error(`Failed to find node with node-name='${nodeName}'`);
  }
  const isInUse =
    [...roots.values()].includes(nodeName) ||
    [...nodes.values()].some(({ backing, image }) => backing === nodeName || image.fileNodeName === nodeName);
  if (isInUse) throw new Error(`Block device ${nodeName} is in use`);
  if (heldByJobs(state).has(nodeName))
    throw new Error(`Node '${nodeName}' is busy: block device is in use by block job`);
  if (heldByExports(state).has(nodeName)) throw new Error(`Node '${nodeName}' is busy: it is exported`);
  nodes.delete(nodeName);
  fileNodes.delete(nodeName);
  dropUnnamed(state);
}
