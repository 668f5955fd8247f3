import { guardInput } from '../core/guard-input.js';
import type { Bitmap } from '../core/model/bitmap.js';
import type { BlockNode } from '../core/model/block-node.js';
import type { InternalSnapshot } from '../core/model/internal-snapshot.js';
import { isFilter, isImageFormat, isJobFilter } from './drivers.js';
import { driverOf, imageFileOf } from './image-file.js';
import { type BitmapReply, type NodeReply, readNodeReplies } from './node-reply.js';

/**
 * Reads the reply of `query-named-block-nodes`.
 *
 * With or without its `return` envelope, flat or not, of QEMU 5 and later: members that are not needed are not looked at.
 * Bitmaps without a name are QEMU's own, made for a running job, and left out. What QEMU spells as `json:{…}`, because the
 * chain was changed while it runs, is given as the plain file name in it: a file has one name whatever has happened.
 *
 * Before QEMU 10.1 the reply does not say which protocol node an image stands on. It is the one node that has the same file
 * open, but for filters that a job has put above the image; where more than one has, `fileNodeName` stays absent: a wrong one would be worse than none.
 *
 * @param reply - Of any kind; `query-named-block-nodes` with `flat: true` gives the shortest.
 * @returns The nodes in the order of the reply.
 * @throws {@link CheckpointError} with `invalid-input` for each fault, its path in the reply included.
 * @example
 * ```ts
 * const nodes = parseBlockNodes(reply);
 * nodes.find(({ nodeName }) => nodeName === 'vda-active')?.bitmaps.map(({ name }) => name); // ['tuesday', 'monday']
 * ```
 * @see QEMU `query-named-block-nodes`, `BlockDeviceInfo`; libvirt `qemuBlockGetNamedNodeData`
 */
export function parseBlockNodes(reply: unknown): readonly BlockNode[] {
  return guardInput({}, () => {
    const nodes = readNodeReplies(reply, toBlockNode);
    const byName = new Map<string, BlockNode>();
    const openAs = new Map<string, BlockNode[]>();
    for (const node of nodes) {
      byName.set(node.nodeName, node);
      const others = openAs.get(node.filename);
      if (others === undefined) openAs.set(node.filename, [node]);
      else others.push(node);
    }
    return nodes.map((node) => {
      const { fileNodeName, filename } = node;
      const protocol =
        fileNodeName === undefined ? protocolNodeOf(node, openAs.get(filename) ?? []) : byName.get(fileNodeName);
      return protocol === undefined ? node : onProtocol(node, protocol);
    });
  });
}

function onProtocol(node: BlockNode, { nodeName, readOnly }: BlockNode): BlockNode {
  return { ...node, fileNodeName: nodeName, ...(readOnly && { fileReadOnly: true as const }) };
}

function toBlockNode(node: NodeReply): BlockNode & { readonly filename: string } {
  const { image } = node;
  const backingFilename = backingFileOf(node);
  const backingNodeName = childOf(node, 'backing');
  const fileNodeName = childOf(node, 'file');
  const clusterSize = image['cluster-size'];
  const qcow2Version = qcow2VersionOf(node);
  const reopenOptions = reopenOptionsOf(node);
  return {
    nodeName: node['node-name'],
    format: node.drv,
    virtualSize: image['virtual-size'],
    readOnly: node.ro,
    filename: imageFileOf(node.file),
    ...(backingFilename !== undefined && { backingFilename }),
    ...(backingNodeName !== undefined && { backingNodeName }),
    ...(isFilter(driverOf(node.backing_file ?? '') ?? '') && { backingFiltered: true as const }),
    ...(fileNodeName !== undefined && { fileNodeName }),
    ...(clusterSize !== undefined && { clusterSize }),
    ...(qcow2Version !== undefined && { qcow2Version }),
    ...(image.snapshots !== undefined && { internalSnapshots: internalSnapshots(image.snapshots) }),
    ...(reopenOptions !== undefined && { reopenOptions }),
    bitmaps: namedBitmaps(node['dirty-bitmaps'] ?? []),
  };
}

/**
 * The backing image in use is told beside the image, the one its header names inside; a header's relative name is taken
 * from where the image lies.
 */
function backingFileOf({ backing_file: inUse, image }: NodeReply): string | undefined {
  if (inUse === undefined) return undefined;
  return imageFileOf(inUse === image['backing-filename'] ? (image['full-backing-filename'] ?? inUse) : inUse);
}

function childOf(node: NodeReply, child: string): string | undefined {
  return node.children?.find((entry) => entry.child === child)?.['node-name'];
}

function protocolNodeOf(node: BlockNode, openAs: readonly BlockNode[]): BlockNode | undefined {
  if (!isImageFormat(node.format)) return undefined;
  const [other, ...more] = openAs.filter((each) => each !== node && !isJobFilter(each.format));
  if (other === undefined || more.length > 0) return undefined;
  return isImageFormat(other.format) || isFilter(other.format) ? undefined : other;
}

function qcow2VersionOf({ image }: NodeReply): 2 | 3 | undefined {
  const specific = image['format-specific'];
  if (specific?.type !== 'qcow2') return undefined;
  return specific.data?.compat === '0.10' ? 2 : 3;
}

/** A reopen resets what it does not repeat; what stands at its default is not worth repeating. */
function reopenOptionsOf({ cache, detect_zeroes: detectZeroes }: NodeReply): BlockNode['reopenOptions'] {
  const options = {
    ...((cache?.direct || cache?.['no-flush']) && {
      cache: { ...(cache.direct && { direct: true }), ...(cache['no-flush'] && { 'no-flush': true }) },
    }),
    ...(detectZeroes !== undefined && detectZeroes !== 'off' && { 'detect-zeroes': detectZeroes }),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}

function internalSnapshots(snapshots: NonNullable<NodeReply['image']['snapshots']>): readonly InternalSnapshot[] {
  return snapshots
    .map(({ name, 'vm-state-size': size = 0 }) => ({ name, hasVmState: size > 0 }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function namedBitmaps(replies: readonly BitmapReply[]): readonly Bitmap[] {
  const bitmaps: Bitmap[] = [];
  for (const reply of replies) {
    const { name } = reply;
    if (name === undefined) continue;
    bitmaps.push({
      name,
      granularity: reply.granularity ?? 0,
      dirtyBytes: reply.count ?? 0,
      recording: reply.recording ?? false,
      persistent: reply.persistent ?? false,
      busy: reply.busy ?? false,
      inconsistent: reply.inconsistent ?? false,
    });
  }
  return bitmaps;
}
