import type { Command, SnapshotTakeAction } from '../action.js';
import { guardInput } from '../guard-input.js';
import type { Job } from '../job.js';
import type { BlockNode } from '../model/block-node.js';
import { type Domain, findDisk, findNode } from '../model/domain.js';
import { type ChainJob, type PendingChainChange, referenceTo } from '../model/pending-chain-change.js';
import type { Plan } from './plan.js';

/**
 * What is to be noted before a plan is run that changes a disk's layers, so that {@link planResumeJob} can tell afterwards how far it
 * came, and plan the rest.
 *
 * @param domain - The one the plan was made from.
 * @returns `undefined` where no layer changes.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a plan at all.
 * @example
 * ```ts
 * const overlay = { nodeName: 'vda-2', filename: '/images/vda-2.qcow2' };
 * const plan = planTakeSnapshot(domain, { disks: [{ diskTarget: 'vda', overlay }] });
 * pendingChainChangeOf(domain, plan)?.openedNodes; // ['vda-2-file', 'vda-2']
 * ```
 */
export function pendingChainChangeOf(domain: Domain, plan: Plan): PendingChainChange | undefined {
  return guardInput({ domain }, () => {
    const { next } = plan;
    const commands = plan.steps.map(({ command }) => command);
    const job = commands.flatMap(chainJobIn)[0];
    const take = commands.flatMap(snapshotsIn)[0];
    const diskTarget = job?.diskTarget ?? domain.disks.find((disk) => isOn(disk.backingChain, take))?.diskTarget;
    const receiver = findNode(next, receiverOf(job, take) ?? '');
    if (diskTarget === undefined || receiver === undefined) return undefined;
    const before = findDisk(domain, diskTarget)?.backingChain ?? [];
    const after = new Set(findDisk(next, diskTarget)?.backingChain.map(({ nodeName }) => nodeName));
    return {
      diskTarget,
      ...(job !== undefined && { job }),
      receiver: referenceTo(receiver),
      dropped: before.filter(({ nodeName }) => !after.has(nodeName)).map(referenceTo),
      carried: commands.flatMap((command) => (command.kind === 'bitmaps-expect' ? command.bitmaps : [])),
      added: job === undefined ? [] : commands.flatMap((command) => addedTo(receiver.nodeName, command)),
      ended: bitmapsOf(domain, diskTarget).filter((bitmap) => !bitmapsOf(next, diskTarget).includes(bitmap)),
      openedNodes: commands.flatMap((command) => (command.kind === 'node-add' ? [command.nodeName] : [])),
    };
  });
}

/** Whether a job changes the layers of a disk. */
export function isChainJob(job: Job): job is ChainJob {
  return job.kind === 'commit' || job.kind === 'copy' || job.kind === 'pull';
}

function chainJobIn(command: Command): readonly ChainJob[] {
  return command.kind === 'job-start' && isChainJob(command.job) ? [command.job] : [];
}

function snapshotsIn(command: Command): readonly SnapshotTakeAction[] {
  if (command.kind !== 'transaction') return [];
  return command.actions.filter((action) => action.kind === 'snapshot-take');
}

function isOn(chain: readonly BlockNode[], take: SnapshotTakeAction | undefined): boolean {
  return take !== undefined && chain[0]?.nodeName === take.nodeName;
}

function receiverOf(job: ChainJob | undefined, take: SnapshotTakeAction | undefined) {
  if (job === undefined) return take?.overlayNodeName;
  if (job.kind === 'pull') return job.activeNodeName;
  return job.kind === 'commit' ? job.baseNodeName : job.targetNodeName;
}

function addedTo(nodeName: string, command: Command): readonly string[] {
  if (command.kind !== 'transaction') return [];
  return command.actions.flatMap((action) =>
    action.kind === 'bitmap-add' && action.nodeName === nodeName ? [action.bitmap] : [],
  );
}

function bitmapsOf({ checkpoints: { checkpoints } }: Domain, diskTarget: string): readonly string[] {
  const disks = checkpoints.flatMap((checkpoint) => checkpoint.disks.filter((disk) => disk.diskTarget === diskTarget));
  return [...new Set(disks.flatMap(({ bitmap }) => (bitmap === undefined ? [] : [bitmap])))];
}
