import type { Bitmap, BlockNode, Command, Domain, NodeReopenAction, TransactionAction } from '../../src/index.js';

/**
 * A small model of QEMU: what it does with dirty bitmaps, and what it refuses, bit by bit.
 *
 * Written from what QEMU was seen to do. It shares nothing with the core, so that the two can be compared: where a plan and
 * this model disagree, one of them is wrong.
 */
export interface Qemu {
  /** @throws an Error with QEMU's text; then nothing has changed. */
  execute(command: Command): void;
  /** A write of the guest to a node. */
  write(nodeName: string, offset: number, length: number): void;
  /** A clean stop and a new start: what was not stored is gone. */
  restart(): void;
  /** The domain as it is seen now; its metadata is taken over. */
  observe(domain: Domain): Domain;
  /** The numbers of the granules that are dirty, in ascending order. */
  dirtyGranules(nodeName: string, bitmap: string): readonly number[];
}

interface ModelBitmap {
  readonly name: string;
  readonly granularity: number;
  readonly persistent: boolean;
  readonly busy: boolean;
  readonly inconsistent: boolean;
  readonly dirty: Set<number>;
  recording: boolean;
  /** The image file holds it. */
  stored: boolean;
  /** Removed in the transaction that is being prepared: gone for all others, though its name is not free yet. */
  removed: boolean;
}

interface ModelNode {
  readonly image: BlockNode;
  readonly backingNodeName: string | undefined;
  readOnly: boolean;
  options: unknown;
  /** The newest first. */
  bitmaps: ModelBitmap[];
}

type Nodes = Map<string, ModelNode>;

/** Starts a QEMU whose nodes are those of a domain. Which granules are dirty is not observed: the first ones are taken. */
export function startQemu(domain: Domain): Qemu {
  let nodes: Nodes = new Map(
    domain.disks.flatMap(({ backingChain }) =>
      backingChain.map((image, layer) => [image.nodeName, openNode(image, backingChain[layer + 1]?.nodeName)]),
    ),
  );
  return {
    execute(command) {
      const prepared = structuredClone(nodes);
      if (command.kind === 'transaction') for (const action of command.actions) prepare(prepared, action);
      else if (command.kind === 'node-reopen') reopen(prepared, command);
      else throw new Error(`the model knows no ${command.kind}`);
      for (const node of prepared.values()) node.bitmaps = node.bitmaps.filter(({ removed }) => !removed);
      nodes = prepared;
    },
    write(nodeName, offset, length) {
      const node = nodes.get(nodeName);
      if (node === undefined || node.readOnly) throw new Error(`nothing can be written to '${nodeName}'`);
      if (offset + length > node.image.virtualSize) throw new Error(`'${nodeName}' is not that large`);
      for (const bitmap of node.bitmaps) if (bitmap.recording) markBytes(bitmap, offset, length);
    },
    restart() {
      for (const node of nodes.values()) {
        if (!node.readOnly) store(node);
        node.bitmaps = node.bitmaps.filter(({ stored }) => stored);
      }
    },
    observe: ({ disks, ...metadata }) => ({
      ...metadata,
      disks: disks.map((disk) => ({
        ...disk,
        backingChain: disk.backingChain.map(({ nodeName }) => showNode(known(nodes, nodeName))),
      })),
    }),
    dirtyGranules: (nodeName, name) =>
      [...findBitmap(known(nodes, nodeName), name).dirty].sort((one, other) => one - other),
  };
}

function openNode(image: BlockNode, backingNodeName: string | undefined): ModelNode {
  const bitmaps = image.bitmaps.map(({ dirtyBytes, ...bitmap }): ModelBitmap => {
    const dirty = new Set(Array.from({ length: dirtyBytes / bitmap.granularity }, (_, granule) => granule));
    return { ...bitmap, dirty, stored: bitmap.persistent && image.readOnly, removed: false };
  });
  return { image, backingNodeName, readOnly: image.readOnly, options: image.reopenOptions, bitmaps };
}

function showNode({ image, readOnly, options, bitmaps }: ModelNode): BlockNode {
  const { reopenOptions: _, ...rest } = image;
  return {
    ...rest,
    readOnly,
    ...(options !== undefined && { reopenOptions: options as NonNullable<BlockNode['reopenOptions']> }),
    bitmaps: bitmaps.map(showBitmap),
  };
}

function showBitmap({ dirty, stored: _, removed: __, ...bitmap }: ModelBitmap): Bitmap {
  return { ...bitmap, dirtyBytes: dirty.size * bitmap.granularity };
}

function prepare(nodes: Nodes, action: TransactionAction): void {
  if (action.kind === 'bitmap-add') {
    addBitmap(nodes, action);
    return;
  }
  const node = known(nodes, action.nodeName);
  if (action.kind === 'bitmap-merge') {
    const into = usable(writable(node, findBitmap(node, action.intoBitmap)));
    for (const source of action.sources) merge(nodes, node, into, source);
    return;
  }
  if (action.kind === 'snapshot-take') throw new Error('the model knows no snapshots');
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

function addBitmap(nodes: Nodes, action: TransactionAction & { readonly kind: 'bitmap-add' }): void {
  const { nodeName, bitmap: name, persistent, recording } = action;
  const node = nodes.get(nodeName);
  if (node === undefined) throw new Error(`Cannot find device='${nodeName}' nor node-name='${nodeName}'`);
  const { image } = node;
  if (name === '') throw new Error('Bitmap name cannot be empty');
  if (node.bitmaps.some((bitmap) => bitmap.name === name)) throw new Error(`Bitmap already exists: ${name}`);
  if (Buffer.byteLength(name) > 1023) throw new Error(`Bitmap name too long: ${name}`);
  const granularity = action.granularity ?? Math.min(Math.max(image.clusterSize ?? 65536, 4096), 65536);
  if (granularity < 512 || !/^10*$/.test(granularity.toString(2))) {
    throw new Error('Granularity must be power of 2 and at least 512');
  }
  if (persistent) expectStorable(node, granularity);
  node.bitmaps.unshift({
    name,
    granularity,
    persistent,
    recording,
    busy: false,
    inconsistent: false,
    dirty: new Set(),
    stored: false,
    removed: false,
  });
}

function expectStorable({ image, bitmaps }: ModelNode, granularity: number): void {
  const { nodeName, format, qcow2Version, virtualSize } = image;
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
  nodes: Nodes,
  node: ModelNode,
  into: ModelBitmap,
  source: { readonly nodeName: string; readonly bitmap: string },
): void {
  const from = known(nodes, source.nodeName);
  const bitmap = usable(idle(findBitmap(from, source.bitmap)));
  if (from.image.virtualSize !== node.image.virtualSize) throw new Error('Bitmaps are of different sizes');
  for (const granule of [...bitmap.dirty]) {
    const offset = granule * bitmap.granularity;
    markBytes(into, offset, Math.min(bitmap.granularity, node.image.virtualSize - offset));
  }
}

function reopen(nodes: Nodes, action: NodeReopenAction): void {
  const { nodeName, readOnly, fileNodeName, backingNodeName, options } = action;
  const node = nodes.get(nodeName);
  if (node === undefined) throw new Error(`Failed to find node with node-name='${nodeName}'`);
  const { image } = node;
  for (const name of [nodeName, fileNodeName])
    if (name.startsWith('#')) throw new Error(`Invalid node-name: '${name}'`);
  if (action.format !== image.format) throw new Error("Cannot change the option 'driver'");
  if (fileNodeName !== image.fileNodeName) throw new Error(`Cannot change the child 'file' of '${nodeName}'`);
  if (backingNodeName !== node.backingNodeName) throw new Error(`backing is missing for '${nodeName}'`);
  if (!readOnly && image.fileReadOnly) throw new Error('Block node is read-only');
  if (readOnly && !node.readOnly) store(node);
  node.readOnly = readOnly;
  // Whatever is not repeated goes back to its default.
  node.options = options;
}

function store(node: ModelNode): void {
  for (const bitmap of node.bitmaps) bitmap.stored = bitmap.persistent;
}

function markBytes({ dirty, granularity }: ModelBitmap, offset: number, length: number): void {
  for (let granule = Math.floor(offset / granularity); granule * granularity < offset + length; granule += 1) {
    dirty.add(granule);
  }
}

function known(nodes: Nodes, nodeName: string): ModelNode {
  const node = nodes.get(nodeName);
  if (node === undefined) throw new Error(`Node '${nodeName}' not found`);
  return node;
}

function findBitmap(node: ModelNode, name: string): ModelBitmap {
  const bitmap = node.bitmaps.find((each) => each.name === name);
  if (bitmap === undefined) throw new Error(`Dirty bitmap '${name}' not found`);
  return bitmap;
}

function idle(bitmap: ModelBitmap): ModelBitmap {
  // QEMU's word for one that was removed earlier in the same transaction, too.
  if (bitmap.busy || bitmap.removed) {
    throw new Error(`Bitmap '${bitmap.name}' is currently in use by another operation and cannot be used`);
  }
  return bitmap;
}

function writable(node: ModelNode, bitmap: ModelBitmap): ModelBitmap {
  idle(bitmap);
  if (node.readOnly) throw new Error(`Bitmap '${bitmap.name}' is readonly and cannot be modified`);
  return bitmap;
}

function usable(bitmap: ModelBitmap): ModelBitmap {
  if (bitmap.inconsistent) throw new Error(`Bitmap '${bitmap.name}' is inconsistent and cannot be used`);
  return bitmap;
}
