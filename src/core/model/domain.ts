import * as z from 'zod';
import { throwProblems } from '../error.js';
import { type BlockNode, blockNodeSchema } from './block-node.js';
import { type CheckpointTree, checkpointTreeSchema } from './checkpoint-tree.js';
import { type Disk, diskSchema } from './disk.js';
import { checkDisks } from './disk-integrity.js';
import { parseWith } from './parse-with.js';
import { readonlyType } from './readonly-type.js';
import { checkTree } from './tree-integrity.js';

/** One virtual machine as last observed: all that plans are made from. */
export interface Domain {
  readonly name: string;
  readonly uuid?: string;
  /** In the order the domain defines them. */
  readonly disks: readonly Disk[];
  readonly checkpoints: CheckpointTree;
  /** Nodes that are no layer of a disk: an overlay to be, the target of a copy, layers that a job has left over. */
  readonly otherNodes?: readonly BlockNode[];
}

const domainSchema = readonlyType(
  z.object({
    name: z.string().min(1),
    uuid: z.exactOptional(z.string().min(1)),
    disks: readonlyType(z.array(diskSchema)),
    checkpoints: checkpointTreeSchema,
    otherNodes: z.exactOptional(readonlyType(z.array(blockNodeSchema))),
  }),
) satisfies z.ZodType<Domain>;

/**
 * Reads a domain from a value of any kind.
 *
 * @returns A copy of its own; members it does not know are left out.
 * @throws {@link CheckpointError} with every applicable problem:
 * - `invalid-input`: something is not of the right kind, its path is told;
 * - `disk-duplicate`, `bitmap-duplicate`: a disk target is there twice, or a bitmap twice on one node;
 * - `checkpoint-duplicate`, `disk-asked-twice`, `parent-not-found`, `parent-cycle`, `current-not-found`: as {@link parseCheckpointTree}.
 * @example
 * ```ts
 * parseDomain({ name: 'web', disks: [], checkpoints: { checkpoints: [] } }).name; // 'web'
 * ```
 */
export function parseDomain(input: unknown): Domain {
  const domain = parseWith(domainSchema, input, 'domain');
  throwProblems([...checkDisks(domain.disks), ...checkTree(domain.checkpoints)]);
  return domain;
}

/** Finds a disk by its guest-side name. */
export function findDisk(domain: Domain, diskTarget: string): Disk | undefined {
  return domain.disks.find((disk) => disk.diskTarget === diskTarget);
}

/** Finds a node by its name, be it a layer of a disk or not. */
export function findNode({ disks, otherNodes = [] }: Domain, nodeName: string): BlockNode | undefined {
  const layers = disks.flatMap(({ backingChain }) => backingChain);
  return [...layers, ...otherNodes].find((node) => node.nodeName === nodeName);
}

/** The domain with a node that is no layer of a disk, where it does not tell of it yet. */
export function withNode(domain: Domain, node: BlockNode): Domain {
  if (findNode(domain, node.nodeName) !== undefined) return domain;
  return { ...domain, otherNodes: [...(domain.otherNodes ?? []), node] };
}
