import { throwProblems } from '../core/error.js';
import type { BlockNode } from '../core/model/block-node.js';
import { type CheckpointTree, parseCheckpointTree } from '../core/model/checkpoint-tree.js';
import type { Disk } from '../core/model/disk.js';
import { type Domain, parseDomain } from '../core/model/domain.js';
import { problem } from '../core/problem.js';
import { filterAbove } from '../qmp/filter-above.js';
import { otherImages } from '../qmp/other-images.js';
import { parseBlockNodes } from '../qmp/parse-block-nodes.js';
import { resolveBackingChain } from '../qmp/resolve-backing-chain.js';
import type { DiskOption } from './option-values.js';
import type { Options } from './options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage.js';

/** Reads the domain from the files that the command line names. */
export async function loadDomain(options: Options, terminal: Terminal): Promise<Domain> {
  const { domain, blockNodes, tree, disks } = options;
  if ([domain, blockNodes, tree].filter((file) => file === '-').length > 1) {
    throw new UsageError('only one of the files can be standard input');
  }
  if (domain !== undefined) {
    if (blockNodes !== undefined || tree !== undefined || disks.length > 0) {
      throw new UsageError('--domain goes without --block-nodes, --disk and --tree');
    }
    return parseDomain(await readJson(domain, terminal));
  }
  if (blockNodes === undefined) throw new UsageError('say where the domain is: --block-nodes with --disk, or --domain');
  if (disks.length === 0) throw new UsageError('--block-nodes needs the disks: --disk TARGET=NODE for each');
  const nodes = parseBlockNodes(await readJson(blockNodes, terminal));
  const found = disks.map((disk) => diskOf(nodes, disk));
  const otherNodes = otherImages(nodes, found);
  return parseDomain({
    name: 'domain',
    disks: found,
    checkpoints: tree === undefined ? { checkpoints: [] } : await readTree(tree, terminal),
    ...(otherNodes.length > 0 && { otherNodes }),
  });
}

async function readTree(file: string, terminal: Terminal): Promise<CheckpointTree> {
  return parseCheckpointTree(await readJson(file, terminal));
}

function diskOf(nodes: readonly BlockNode[], { diskTarget, nodeName }: DiskOption): Disk {
  const backingChain = resolveBackingChain(nodes, nodeName);
  const [active] = backingChain;
  const sourcePath = active?.filename;
  const filterNodeName = active && filterAbove(nodes, active, [nodeName]);
  // What the guest may do is not in the reply; whether the node can be written to is checked for itself.
  return {
    diskTarget,
    ...(sourcePath !== undefined && { sourcePath }),
    readOnly: false,
    backingChain,
    ...(filterNodeName !== undefined && { filterNodeName }),
  };
}

async function readJson(file: string, terminal: Terminal): Promise<unknown> {
  const subject = file === '-' ? 'standard input' : file;
  const text = await terminal.read(file).catch((cause: Error) => refuse(subject, `cannot be read (${cause.message})`));
  try {
    return JSON.parse(text);
  } catch (cause) {
    return refuse(subject, `is not JSON (${(cause as Error).message})`);
  }
}

function refuse(subject: string, expected: string): never {
  throwProblems([problem({ code: 'invalid-input', subject, path: [], expected })]);
  throw new Error('unreachable');
}
