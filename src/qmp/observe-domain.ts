import { isCheckpointError, throwProblems } from '../core/error.js';
import { guardInput } from '../core/guard-input.js';
import type { BlockNode } from '../core/model/block-node.js';
import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import type { Disk } from '../core/model/disk.js';
import { type Domain, parseDomain } from '../core/model/domain.js';
import { type Problem, problem } from '../core/problem.js';
import { type BlockDevice, readBlockDevices } from './block-device.js';
import { isQmpError } from './error.js';
import { filterAbove } from './filter-above.js';
import { type JobReply, queryJobs } from './job-reply.js';
import { otherImages } from './other-images.js';
import { parseBlockNodes } from './parse-block-nodes.js';
import type { QmpSession } from './qmp-session.js';
import { resolveBackingChain } from './resolve-backing-chain.js';

/** What of a domain QEMU does not know. */
export interface ObserveOptions {
  readonly name: string;
  readonly uuid?: string;
  /** The disks, in the domain's order; default: every device of `query-block`. A storage daemon has none: name them there. */
  readonly disks?: readonly DiskMapping[];
  /** The checkpoints as saved; default: none. */
  readonly checkpoints?: CheckpointTree;
}

/** Where a disk is to be found in QEMU: by its active layer, or by its device. */
export interface DiskMapping {
  readonly diskTarget: string;
  /** Node-name of the active layer, or of a filter above it. */
  readonly nodeName?: string;
  /** Id of the device, or name of the drive; default: the disk target. Not looked at where `nodeName` is there. */
  readonly device?: string;
}

/**
 * Looks at a running QEMU and tells what its domain is like: all that plans are made from.
 *
 * Nodes and devices are asked for in one round trip, after a look at the jobs: QEMU 7.2 and 10.0 crash when they are asked for
 * their nodes while a pull (`block-stream`) has ended and is not dismissed. Without `disks`, every device that holds a medium or could is a disk, empty ones
 * too, called by the id of the device or else by the name of the drive. Filters above an image (throttle, copy-on-read,
 * copy-before-write) are passed, and the topmost is noted. QEMU is only asked, nothing changes.
 *
 * @param session - Anything that executes commands.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `job-not-dismissed`: a pull has ended and nobody has dismissed it;
 * - `device-not-found`: a disk is mapped to a device that is not there;
 * - `node-not-found`, `backing-node-missing`, `backing-node-ambiguous`, `backing-chain-loop`: as {@link resolveBackingChain};
 * - `invalid-input`: a reply, or what is given in `options`, is not of its kind;
 * - `disk-duplicate`, `bitmap-duplicate`, `checkpoint-duplicate`, `parent-not-found`, …: as {@link parseDomain}.
 * @throws {@link QmpError} where a command failed or the session has ended.
 *
 * @example
 * ```ts
 * const domain = await observeDomain(session, { name: 'web', disks: [{ diskTarget: 'vda', nodeName: 'vda-active' }] });
 * domain.disks[0]?.backingChain[0]?.bitmaps.length; // 2
 * ```
 * @see QEMU `query-named-block-nodes`, `query-block`, `query-jobs`
 */
export async function observeDomain(session: QmpSession, options: ObserveOptions): Promise<Domain> {
  await refuseEndedPull(session);
  const [nodeReply, deviceReply] = await Promise.all([
    session.execute('query-named-block-nodes', { flat: true }),
    session.execute('query-block'),
  ]);
  return guardInput({}, () => domainOf(parseBlockNodes(nodeReply), readBlockDevices(deviceReply), options));
}

/** QEMU 7.2 and 10.0 crash when they are asked for their nodes while a pull that has ended is not dismissed. */
async function refuseEndedPull(session: QmpSession): Promise<void> {
  const jobs = await queryJobs(session).catch(noJobs);
  const ended = jobs.filter(({ type, status }) => type === 'stream' && status === 'concluded');
  throwProblems(ended.map(({ id }) => problem({ code: 'job-not-dismissed', jobId: id })));
}

/** A QEMU too old to know of such jobs has none, and a session without a QEMU may not answer. */
function noJobs(error: unknown): readonly JobReply[] {
  if (isQmpError(error) && error.kind !== 'command') throw error;
  return [];
}

function domainOf(nodes: readonly BlockNode[], devices: readonly BlockDevice[], options: ObserveOptions): Domain {
  const { name, uuid, disks: mappings, checkpoints = { checkpoints: [] } } = options;
  const problems: Problem[] = [];
  const disks = (mappings ?? devices.map(mappingOf)).map((mapping) => observeDisk(mapping, nodes, devices, problems));
  throwProblems(problems);
  const otherNodes = otherImages(nodes, disks);
  return parseDomain({
    name,
    ...(uuid !== undefined && { uuid }),
    disks,
    checkpoints,
    ...(otherNodes.length > 0 && { otherNodes }),
  });
}

function mappingOf({ names: [diskTarget = ''] }: BlockDevice): DiskMapping {
  return { diskTarget };
}

function observeDisk(
  { diskTarget, nodeName, device = diskTarget }: DiskMapping,
  nodes: readonly BlockNode[],
  devices: readonly BlockDevice[],
  problems: Problem[],
): Disk {
  const found = devices.find((candidate) =>
    nodeName === undefined ? candidate.names.includes(device) : candidate.nodeName === nodeName,
  );
  if (nodeName === undefined && found === undefined)
    problems.push(problem({ code: 'device-not-found', diskTarget, device }));
  const active = nodeName ?? found?.nodeName;
  const backingChain = active === undefined ? [] : chainOf(nodes, active, problems);
  const [layer] = backingChain;
  const sourcePath = layer?.filename;
  const users = [...devices.map((candidate) => candidate.nodeName), nodeName];
  const filterNodeName = layer && filterAbove(nodes, layer, users);
  // A node that no device shows may be read-only by mistake: then the checks say so, and the disk is not passed over.
  const readOnly = found?.readOnly ?? false;
  return {
    diskTarget,
    ...(sourcePath !== undefined && { sourcePath }),
    readOnly,
    backingChain,
    ...(filterNodeName !== undefined && { filterNodeName }),
  };
}

function chainOf(nodes: readonly BlockNode[], active: string, problems: Problem[]): readonly BlockNode[] {
  try {
    return resolveBackingChain(nodes, active);
  } catch (error) {
    if (!isCheckpointError(error)) throw error;
    problems.push(...error.problems);
    return [];
  }
}
