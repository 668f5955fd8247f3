import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { isNewNodeName, utf8Length } from '../model/names.js';
import { fileNodeNameOf, type NewImage } from '../model/new-image.js';
import { type Problem, problem } from '../problem.js';

/** What is spoken for in a domain. */
export interface NamesInUse {
  readonly nodeNames: Set<string>;
  /** File names, and the node that has each open or stands on it. */
  readonly filenames: Map<string, string>;
  /** File names that checkpoints were made on, and one of those. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * The node-names and file names in use. A checkpoint's bitmap was made on a file: another of that name would pass for it,
 * though what was written to the one that is gone is not known.
 */
export function namesInUse({ disks, otherNodes = [], checkpoints }: Domain): NamesInUse {
  const nodeNames = new Set<string>();
  const filenames = new Map<string, string>();
  const nodes = [...disks.flatMap(({ backingChain }) => backingChain), ...otherNodes];
  for (const { nodeName, backingFilename } of nodes) {
    if (backingFilename !== undefined) filenames.set(backingFilename, nodeName);
  }
  for (const { nodeName, fileNodeName, filename } of nodes) {
    nodeNames.add(nodeName);
    if (fileNodeName !== undefined) nodeNames.add(fileNodeName);
    if (filename !== undefined) filenames.set(filename, nodeName);
  }
  const origins = checkpoints.checkpoints.flatMap(({ name, disks: parts }) =>
    parts.flatMap(({ madeOn }) => (madeOn === undefined ? [] : [[madeOn, name] as const])),
  );
  return { nodeNames, filenames, origins: new Map(origins) };
}

/**
 * What keeps an image from being made and opened, by these rules; what it takes is in use from then on:
 *
 * 1. the names of its nodes are such as QEMU takes,
 * 2. and no other node has them;
 * 3. its file name is an absolute path, for QEMU runs where it likes,
 * 4. and nothing uses it: QEMU would empty the file;
 * 5. the image below has a file name that can be written into its header, of at most 1023 bytes;
 * 6. a cluster has a power of two from 512 bytes to 2 MiB.
 */
export function checkNewImage(
  diskTarget: string,
  image: NewImage,
  backing: BlockNode | undefined,
  names: NamesInUse,
): readonly Problem[] {
  const problems: Problem[] = [];
  const { nodeName, filename, clusterSize } = image;
  for (const name of [nodeName, fileNodeNameOf(image)]) {
    // 1
    if (!isNewNodeName(name)) problems.push(problem({ code: 'node-name-invalid', nodeName: String(name) }));
    // 2
    else if (names.nodeNames.has(name)) problems.push(problem({ code: 'node-name-taken', nodeName: name }));
    names.nodeNames.add(name);
  }
  // 3
  if (!isAbsolute(filename)) problems.push(problem({ code: 'filename-invalid', filename: String(filename) }));
  // 4
  problems.push(...checkFilename(filename, names));
  names.filenames.set(filename, nodeName);
  // 5
  if (backing !== undefined && backingFilenameFor(image, backing) === undefined) {
    problems.push(problem({ code: 'backing-filename-unknown', diskTarget, nodeName: backing.nodeName }));
  }
  // 6
  if (clusterSize !== undefined && !isClusterSize(clusterSize)) {
    problems.push(problem({ code: 'cluster-size-invalid', nodeName, clusterSize }));
  }
  return problems;
}

/** That nothing else goes by a file name; a node may have its own. */
export function checkFilename(
  filename: string,
  { filenames, origins }: NamesInUse,
  ownNodeName?: string,
): readonly Problem[] {
  const nodeName = filenames.get(filename);
  const checkpoint = origins.get(filename);
  if (nodeName !== undefined && nodeName !== ownNodeName) {
    return [problem({ code: 'filename-taken', filename, nodeName })];
  }
  return checkpoint === undefined ? [] : [problem({ code: 'filename-taken', filename, checkpoint })];
}

/** What the header of an image says of the one below it. */
export function backingFilenameFor({ backingFilename }: NewImage, { filename }: BlockNode): string | undefined {
  const name = backingFilename ?? (isAbsolute(filename) ? filename : undefined);
  return name !== undefined && utf8Length(name) <= 1023 ? name : undefined;
}

function isAbsolute(filename: unknown): filename is string {
  return typeof filename === 'string' && /^(\/|[a-zA-Z]:[\\/])/.test(filename);
}

function isClusterSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 2 ** 21 && Number.isInteger(bytes) && Number.isInteger(Math.log2(bytes));
}
