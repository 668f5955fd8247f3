import type { Bitmap, BlockNode, Command, Domain } from '../../src/index.js';
import { copyBeforeWrite } from './model/backups.js';
import { findBitmap, prepare } from './model/bitmaps.js';
import { addExport, removeExport, startServer, stopServer } from './model/exports.js';
import { advance, cancelJob, fail, noteWrite, startJob, typeOf } from './model/jobs.js';
import { addNode, removeNode, reopen } from './model/nodes.js';
import {
  bytesOfCluster,
  known,
  layersFrom,
  type ModelBitmap,
  type ModelNode,
  markBytes,
  readAll,
  type State,
  stateOf,
  store,
  writeTo,
} from './model/state.js';

/**
 * A small model of QEMU: what it does with dirty bitmaps, layers, nodes and jobs, and what it refuses, bit by bit and byte by
 * byte.
 *
 * Written from what QEMU was seen to do. It shares nothing with the core, so that the two can be compared: where a plan and
 * this model disagree, one of them is wrong.
 */
export interface Qemu {
  /** @throws an Error with QEMU's text; then nothing has changed. */
  execute(command: Command): void;
  /** A write of the guest to a node. */
  write(nodeName: string, offset: number, length: number): void;
  /** A write of the guest to a disk, wherever that leads. */
  guestWrite(diskTarget: string, offset: number, length: number): void;
  /** A discard of the guest; where nothing lies below, it leaves no trace. */
  guestDiscard(diskTarget: string, offset: number, length: number): void;
  /** What the guest reads: for each unit of 512 bytes that is not zero, which write it was. */
  guestRead(diskTarget: string): ReadonlyMap<number, number>;
  /** The same of a node, be it a disk's or not, with all that lies below it. */
  nodeRead(nodeName: string): ReadonlyMap<number, number>;
  /** Lets every job go on by so many clusters; without a number, as far as it can. */
  work(clusters?: number): void;
  /** A job fails, or is cancelled by someone. */
  breakJob(jobId: string, error?: string): void;
  jobs(): readonly {
    readonly jobId: string;
    readonly type: string;
    readonly status: string;
    readonly error?: string;
  }[];
  /** A clean stop and a new start: what was not stored is gone. */
  restart(): void;
  /** A kill and a new start: bitmaps of images that were open for writing are gone, or inconsistent where the file had them. */
  crash(): void;
  /** The domain as it is seen now; its metadata is taken over. */
  observe(domain: Domain): Domain;
  /** The numbers of the granules that are dirty, in ascending order. */
  dirtyGranules(nodeName: string, bitmap: string): readonly number[];
  /** Which names of protocol layers are there. */
  fileNodes(): readonly string[];
  /** The ids of what NBD clients can read; none without a server. */
  exports(): readonly string[] | undefined;
}

/** Starts a QEMU whose nodes are those of a domain. Which granules are dirty is not observed: the first ones are taken. */
export function startQemu(domain: Domain): Qemu {
  let state = stateOf(domain);
  const rootOf = (diskTarget: string) => {
    const root = state.roots.get(diskTarget);
    if (root === undefined) throw new Error(`there is no disk ${diskTarget}`);
    return root;
  };
  const write = (nodeName: string, offset: number, length: number) => {
    const node = state.nodes.get(nodeName);
    if (node === undefined || node.readOnly) throw new Error(`nothing can be written to '${nodeName}'`);
    if (offset + length > node.virtualSize) throw new Error(`'${nodeName}' is not that large`);
    state.writes += 1;
    copyBeforeWrite(state, nodeName, offset, length);
    writeTo(state, node, offset, length, state.writes);
    noteWrite(state, nodeName, offset, length);
  };
  return {
    execute(command) {
      const prepared = structuredClone(state);
      run(prepared, command);
      for (const node of prepared.nodes.values()) node.bitmaps = node.bitmaps.filter(({ removed }) => !removed);
      state = prepared;
    },
    write,
    guestWrite: (diskTarget, offset, length) => write(rootOf(diskTarget), offset, length),
    guestDiscard(diskTarget, offset, length) {
      const nodeName = rootOf(diskTarget);
      copyBeforeWrite(state, nodeName, offset, length);
      discard(known(state, nodeName), offset, length);
      noteWrite(state, nodeName, offset, length);
    },
    guestRead: (diskTarget) => readAll(state, rootOf(diskTarget)),
    nodeRead: (nodeName) => readAll(state, nodeName),
    work(clusters = Number.POSITIVE_INFINITY) {
      for (const job of state.jobs.values()) advance(state, job, clusters);
    },
    breakJob(jobId, error = 'Operation canceled') {
      const job = state.jobs.get(jobId);
      if (job !== undefined && job.status !== 'concluded') fail(state, job, error);
    },
    jobs: () =>
      [...state.jobs.values()].map(({ job, status, error }) => ({
        jobId: job.jobId,
        type: typeOf[job.kind],
        status,
        ...(error !== undefined && { error }),
      })),
    restart() {
      for (const node of state.nodes.values()) if (!node.readOnly) store(node);
      startAgain(state);
    },
    crash() {
      for (const node of state.nodes.values()) if (!node.readOnly) lose(node);
      startAgain(state);
    },
    observe: (seen) => observe(state, seen, domain),
    dirtyGranules: (nodeName, name) =>
      [...findBitmap(known(state, nodeName), name).dirty].sort((one, other) => one - other),
    fileNodes: () => [...state.fileNodes.keys()],
    exports: () => (state.isServing ? [...state.exports.keys()] : undefined),
  };
}

function run(state: State, command: Command): void {
  switch (command.kind) {
    case 'transaction':
      for (const action of command.actions) {
        if (action.kind === 'backup-start') startJob(state, action.job);
        else prepare(state, action);
      }
      return;
    case 'node-reopen':
      reopen(state, command);
      return;
    case 'node-add':
      addNode(state, command);
      return;
    case 'node-remove':
      removeNode(state, command);
      return;
    case 'bitmaps-expect':
      expectBitmaps(state, command);
      return;
    case 'job-start':
      startJob(state, command.job);
      return;
    case 'job-cancel':
      cancelJob(state, command.job.jobId);
      return;
    case 'backup-cancel':
      for (const { jobId } of command.jobs) cancelJob(state, jobId);
      for (const bitmap of command.bitmaps) prepare(state, { kind: 'bitmap-remove', ...bitmap });
      return;
    case 'nbd-server-start':
      startServer(state);
      return;
    case 'nbd-server-stop':
      stopServer(state);
      return;
    case 'export-add':
      addExport(state, command);
      return;
    case 'export-remove':
      removeExport(state, command.exportId);
      return;
    default:
      goOn(state, command);
  }
}

function goOn(state: State, command: Command & { readonly job: object }): void {
  const { jobId } = command.job as { readonly jobId: string };
  const running = state.jobs.get(jobId);
  if (running === undefined) throw new Error('Job not found');
  const refused = (verb: string) =>
    new Error(`Job '${jobId}' in state '${running.status}' cannot accept command verb '${verb}'`);
  switch (command.kind) {
    case 'job-wait':
      // A run may come as far as it can twice: once to catch up, once to end.
      advance(state, running, Number.POSITIVE_INFINITY);
      if (command.until === 'copying' && running.hasCopied && running.status === 'running') return;
      if (running.status !== (command.until === 'copying' ? 'concluded' : command.until))
        throw new Error(running.error ?? `the job is ${running.status}`);
      if (running.error !== undefined && !command.mayFail) throw new Error(running.error);
      return;
    case 'job-complete':
      if (running.status !== 'ready') throw refused('complete');
      running.isLetGo = true;
      return;
    case 'job-finalize':
      if (running.status !== 'pending') throw refused('finalize');
      running.isLetGo = true;
      running.status = 'running';
      advance(state, running, 0);
      return;
    case 'job-dismiss':
      if (running.status !== 'concluded') throw refused('dismiss');
      state.jobs.delete(jobId);
  }
}

function expectBitmaps(state: State, { nodeName, bitmaps }: Command & { readonly kind: 'bitmaps-expect' }): void {
  expectAnswer(state);
  for (const name of bitmaps) {
    const { recording, persistent, inconsistent } = findBitmap(known(state, nodeName), name);
    if (!recording || !persistent || inconsistent) throw new Error(`Bitmap '${name}' is not well`);
  }
}

function expectAnswer({ jobs }: State): void {
  for (const { job, status } of jobs.values()) {
    if (job.kind === 'pull' && status === 'concluded') throw new Error('QEMU crashed: the pull was not dismissed');
  }
}

function observe(state: State, { disks, otherNodes: _, ...metadata }: Domain, first: Domain): Domain {
  expectAnswer(state);
  const layers = new Set<string>();
  const seen = disks.map((disk) => {
    const root = state.roots.get(disk.diskTarget);
    const chain = root === undefined ? [] : layersFrom(state, root);
    for (const { image } of chain) layers.add(image.nodeName);
    const before = first.disks.find(({ diskTarget }) => diskTarget === disk.diskTarget)?.backingChain[0];
    const active = chain[0]?.image;
    const isOther = before !== undefined && active?.filename !== undefined && active.nodeName !== before.nodeName;
    const backingChain = chain.map((node) => showNode(state, node));
    return { ...disk, ...(isOther && { sourcePath: active.filename }), backingChain };
  });
  const others = [...state.nodes.values()].filter(
    ({ image, shows }) => !layers.has(image.nodeName) && shows === undefined,
  );
  return {
    ...metadata,
    disks: seen,
    ...(others.length > 0 && { otherNodes: others.map((node) => showNode(state, node)) }),
  };
}

function showNode(state: State, node: ModelNode): BlockNode {
  const { image, readOnly, virtualSize, options, bitmaps, moved, backing } = node;
  const { reopenOptions: _, backingFilename: observed, backingNodeName, ...rest } = image;
  const below = backing === undefined ? undefined : state.nodes.get(backing)?.image.filename;
  const backingFilename = moved ? below : observed;
  return {
    ...rest,
    virtualSize,
    readOnly,
    ...(backingFilename !== undefined && { backingFilename }),
    ...(!moved && backingNodeName !== undefined && { backingNodeName }),
    ...(options !== undefined && { reopenOptions: options as NonNullable<BlockNode['reopenOptions']> }),
    bitmaps: bitmaps.map(showBitmap),
  };
}

function showBitmap({ dirty, stored: _, removed: __, ...bitmap }: ModelBitmap): Bitmap {
  return { ...bitmap, dirtyBytes: dirty.size * bitmap.granularity };
}

function discard(node: ModelNode, offset: number, length: number): void {
  for (let at = Math.ceil(offset / bytesOfCluster); (at + 1) * bytesOfCluster <= offset + length; at += 1) {
    if (node.backing === undefined) node.data.delete(at);
    else
      node.data.set(
        at,
        Array.from({ length: bytesOfCluster / 512 }, () => 0),
      );
  }
  for (const bitmap of node.bitmaps) if (bitmap.recording) markBytes(bitmap, offset, length);
}

/** A kill: the file still says that its bitmaps are in use, and knows nothing of those that were made since. */
function lose(node: ModelNode): void {
  node.bitmaps = node.bitmaps.filter(({ stored }) => stored);
  for (const bitmap of node.bitmaps) {
    bitmap.inconsistent = true;
    bitmap.recording = false;
    bitmap.dirty.clear();
  }
}

/** Only disks are there again, each layer below the active one open for reading only. */
function startAgain(state: State): void {
  state.jobs.clear();
  state.exports.clear();
  state.isServing = false;
  const layers = new Map<string, boolean>();
  for (const root of state.roots.values()) {
    for (const { image } of layersFrom(state, root)) layers.set(image.nodeName, image.nodeName !== root);
  }
  const files = new Set<string | undefined>();
  for (const [nodeName, node] of state.nodes) {
    const isBelow = layers.get(nodeName);
    if (isBelow === undefined) {
      state.nodes.delete(nodeName);
      continue;
    }
    files.add(node.image.fileNodeName);
    if (isBelow) node.readOnly = true;
    node.bitmaps = node.bitmaps.filter(({ stored }) => stored);
  }
  for (const fileNode of state.fileNodes.keys()) if (!files.has(fileNode)) state.fileNodes.delete(fileNode);
}
