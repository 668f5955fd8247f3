import { jobIdOf, jobIdPart } from '../job-id.js';
import type { BlockNode } from '../model/block-node.js';
import type { Disk } from '../model/disk.js';
import type { Domain } from '../model/domain.js';
import { type ChainJob, type PendingChainChange, referenceTo } from '../model/pending-chain-change.js';
import { bitmapOrigins } from './usable-bitmap.js';

/**
 * What a job was begun for, where nothing was noted: its id says which nodes it is about. A job is forgotten last where the
 * guest moves, so that it is found as long as something is left to do; layers that are closed already are not known then.
 *
 * @returns `undefined` for a job that no plan of this library starts, or whose nodes are not there.
 */
export function noteOfJob(domain: Domain, jobId: string): PendingChainChange | undefined {
  const isIt = ({ job }: PendingChainChange) => job?.jobId === jobId;
  for (const disk of domain.disks) {
    const note = [...commits(domain, disk), ...copies(domain, disk), ...pulls(disk)].find(isIt) ?? closing(disk, jobId);
    if (note !== undefined) return note;
  }
  return undefined;
}

function* commits(domain: Domain, disk: Disk): Iterable<PendingChainChange> {
  const { diskTarget, backingChain: chain } = disk;
  const others = domain.otherNodes ?? [];
  for (const [to, base] of chain.entries()) {
    const jobIdFrom = (top: BlockNode) => jobIdOf('commit', diskTarget, top.nodeName, base.nodeName);
    for (const [from, top] of chain.slice(0, to).entries()) {
      const names = { activeNodeName: nameOf(chain[0]), topNodeName: top.nodeName, baseNodeName: base.nodeName };
      const job: ChainJob = { kind: 'commit', jobId: jobIdFrom(top), diskTarget, ...names };
      yield { ...noteOf(disk, job, base, chain.slice(from, to)), added: addedBelow(domain, disk, base) };
    }
    for (const top of others) {
      // Only where the guest moved does the base become the active layer.
      const activeNodeName = to === 0 ? top.nodeName : nameOf(chain[0]);
      const names = { activeNodeName, topNodeName: top.nodeName, baseNodeName: base.nodeName };
      const job: ChainJob = { kind: 'commit', jobId: jobIdFrom(top), diskTarget, ...names };
      yield noteOf(disk, job, base, downFrom(others, top));
    }
  }
}

function* copies({ otherNodes = [] }: Domain, disk: Disk): Iterable<PendingChainChange> {
  const { diskTarget, backingChain: chain } = disk;
  const [active, ...below] = chain;
  if (active === undefined) return;
  for (const other of otherNodes) {
    for (const shallow of [true, false]) {
      const what = shallow ? 'shallow-copy' : 'copy';
      const between = (source: BlockNode, target: BlockNode): ChainJob => {
        const names = { activeNodeName: source.nodeName, targetNodeName: target.nodeName };
        return {
          kind: 'copy',
          jobId: jobIdOf(what, diskTarget, source.nodeName, target.nodeName),
          diskTarget,
          ...names,
          shallow,
        };
      };
      yield noteOf(disk, between(active, other), other, shallow ? [active] : [active, ...below]);
      yield noteOf(disk, between(other, active), active, shallow ? [other] : downFrom(otherNodes, other));
    }
  }
}

/** A pull that has ended is dismissed before anyone looks at the nodes: only one that has not is found. */
function* pulls(disk: Disk): Iterable<PendingChainChange> {
  const { diskTarget, backingChain: chain } = disk;
  const [active, uppermost] = chain;
  if (active === undefined || uppermost === undefined) return;
  for (let to = 2; to <= chain.length; to += 1) {
    const base = chain[to]?.nodeName;
    const about = [active.nodeName, uppermost.nodeName, ...(base === undefined ? [] : [base])];
    const names = { activeNodeName: active.nodeName, ...(base !== undefined && { baseNodeName: base }) };
    const job: ChainJob = { kind: 'pull', jobId: jobIdOf('pull', diskTarget, ...about), diskTarget, ...names };
    yield noteOf(disk, job, active, chain.slice(1, to));
  }
}

/** The guest has moved, and the uppermost of the layers that went is closed already: only the id tells its name. */
function closing(disk: Disk, jobId: string): PendingChainChange | undefined {
  const { diskTarget, backingChain: chain } = disk;
  const [active] = chain;
  if (active === undefined) return undefined;
  const { nodeName: to } = active;
  for (const what of ['commit', 'copy', 'shallow-copy'] as const) {
    const start = `${jobIdOf(what, diskTarget)}-`;
    const end = `-${jobIdPart(to)}`;
    if (!jobId.startsWith(start) || !jobId.endsWith(end) || jobId.length <= start.length + end.length) continue;
    const from = jobId.slice(start.length, -end.length);
    const of = { jobId, diskTarget, activeNodeName: from };
    const job: ChainJob =
      what === 'commit'
        ? { kind: 'commit', ...of, topNodeName: from, baseNodeName: to }
        : { kind: 'copy', ...of, targetNodeName: to, shallow: what === 'shallow-copy' };
    return { ...noteOf(disk, job, active, []), dropped: [{ nodeName: from }] };
  }
  return undefined;
}

function noteOf(
  { diskTarget }: Disk,
  job: ChainJob,
  receiver: BlockNode,
  dropped: readonly BlockNode[],
): PendingChainChange {
  const unknown = { carried: [], added: [], ended: [], openedNodes: [] };
  return { diskTarget, job, receiver: referenceTo(receiver), dropped: dropped.map(referenceTo), ...unknown };
}

/** Bitmaps of checkpoints that were made above a layer, and so are on it only because a commit has put them there. */
function addedBelow(
  { checkpoints }: Domain,
  { diskTarget, backingChain: chain }: Disk,
  layer: BlockNode,
): readonly string[] {
  const origins = bitmapOrigins(checkpoints, diskTarget);
  const place = chain.indexOf(layer);
  return layer.bitmaps.flatMap(({ name }) => {
    const places = origins(name).map((madeOn) =>
      chain.findIndex(({ filename }) => filename !== undefined && filename === madeOn),
    );
    return places.every((at) => at !== -1 && at < place) ? [name] : [];
  });
}

function downFrom(nodes: readonly BlockNode[], top: BlockNode): readonly BlockNode[] {
  const found: BlockNode[] = [];
  for (let node: BlockNode | undefined = top; node !== undefined && !found.includes(node); node = below(nodes, node)) {
    found.push(node);
  }
  return found;
}

function below(nodes: readonly BlockNode[], { backingNodeName, backingFilename }: BlockNode): BlockNode | undefined {
  return nodes.find(({ nodeName, filename }) =>
    backingNodeName === undefined
      ? backingFilename !== undefined && filename === backingFilename
      : nodeName === backingNodeName,
  );
}

function nameOf(node: BlockNode | undefined): string {
  return node?.nodeName ?? '';
}
