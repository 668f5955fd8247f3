import type { Job } from '../../../src/index.js';
import { backupClusters, copyBackup, endBackup, noteBackupWrite } from './backups.js';
import { findBitmap } from './bitmaps.js';
import {
  bytesOfCluster,
  known,
  layersFrom,
  type ModelNode,
  markBytes,
  putCluster,
  putOn,
  readCluster,
  type State,
  store,
} from './state.js';

/** A job: what it is to do, and how far it is. */
export interface ModelJob {
  readonly job: Job;
  status: 'running' | 'ready' | 'pending' | 'concluded';
  error?: string;
  /** Clusters that are still to be copied. */
  readonly todo: Set<number>;
  /** It was told to go to its end. */
  isLetGo: boolean;
  /** For a backup into a bitmap: what is written meanwhile. */
  readonly meanwhile: Set<number>;
  /** It has copied something. */
  hasCopied: boolean;
  /** The base was open for reading only. */
  readonly wasReadOnly: boolean;
}

export const typeOf = {
  commit: 'commit',
  copy: 'mirror',
  pull: 'stream',
  backup: 'backup',
  fill: 'backup',
  create: 'create',
} as const;

export function startJob(state: State, job: Job): void {
  if (state.jobs.has(job.jobId)) throw new Error(`Job ID '${job.jobId}' already in use`);
  if (!/^[a-zA-Z][a-zA-Z0-9._-]*$/.test(job.jobId)) throw new Error('Invalid job ID');
  const started: ModelJob = {
    job,
    status: 'running',
    todo: new Set(),
    isLetGo: false,
    meanwhile: new Set(),
    hasCopied: false,
    wasReadOnly: job.kind === 'commit' && known(state, job.baseNodeName).readOnly,
  };
  for (const at of clustersOf(state, job)) started.todo.add(at);
  if (job.kind === 'commit') {
    const base = known(state, job.baseNodeName);
    if (base.image.fileReadOnly) throw new Error('Block node is read-only');
    base.readOnly = false;
    base.virtualSize = Math.max(base.virtualSize, known(state, job.topNodeName).virtualSize);
  }
  if (job.kind === 'fill') {
    const node = known(state, job.nodeName);
    const bitmap = findBitmap(node, job.bitmap);
    if (bitmap.busy)
      throw new Error(`Bitmap '${job.bitmap}' is currently in use by another operation and cannot be used`);
    if (known(state, job.targetNodeName).virtualSize !== node.virtualSize) {
      throw new Error('Source and target image have different sizes');
    }
    bitmap.busy = true;
  }
  state.jobs.set(job.jobId, started);
}

function clustersOf(state: State, job: Job): Iterable<number> {
  switch (job.kind) {
    case 'commit':
      expectRoot(state, job.activeNodeName);
      return clustersIn(between(state, job.topNodeName, job.baseNodeName));
    case 'copy': {
      expectRoot(state, job.activeNodeName);
      const target = known(state, job.targetNodeName);
      if (target.virtualSize !== known(state, job.activeNodeName).virtualSize) {
        throw new Error('Source and target image have different sizes');
      }
      const layers = layersFrom(state, job.activeNodeName);
      return clustersIn(job.shallow ? layers.slice(0, 1) : layers);
    }
    case 'pull':
      expectRoot(state, job.activeNodeName);
      return clustersIn(between(state, job.activeNodeName, job.baseNodeName).slice(1));
    case 'backup':
      return backupClusters(state, job);
    case 'fill':
      return known(state, job.nodeName).data.keys();
    case 'create':
      return [];
  }
}

function clustersIn(layers: readonly ModelNode[]): Iterable<number> {
  return layers.flatMap(({ data }) => [...data.keys()]);
}

/** The layers from one down to another, that one left out. */
function between(state: State, topNodeName: string, baseNodeName: string | undefined): readonly ModelNode[] {
  const layers = layersFrom(state, topNodeName);
  if (baseNodeName === undefined) return layers;
  const place = layers.findIndex(({ image }) => image.nodeName === baseNodeName);
  if (place < 1) throw new Error(`'${baseNodeName}' is not in the backing chain of '${topNodeName}'`);
  return layers.slice(0, place);
}

function expectRoot({ roots }: State, nodeName: string): void {
  if (![...roots.values()].includes(nodeName)) throw new Error('Need a root block node');
}

/** What was written to a node is still to be copied by the jobs that follow it. */
export function noteWrite(state: State, nodeName: string, offset: number, length: number): void {
  for (const { job, status, todo, meanwhile } of state.jobs.values()) {
    if (status === 'concluded') continue;
    const follows =
      (job.kind === 'copy' && job.activeNodeName === nodeName) ||
      (job.kind === 'commit' && job.topNodeName === nodeName && job.activeNodeName === nodeName);
    if (follows) markBytes({ dirty: todo, granularity: bytesOfCluster }, offset, length);
    if (job.kind === 'backup') noteBackupWrite(state, { job, meanwhile }, nodeName, { offset, length });
    if (job.kind === 'fill' && job.nodeName === nodeName) {
      const { granularity } = findBitmap(known(state, nodeName), job.bitmap);
      markBytes({ dirty: meanwhile, granularity }, offset, length);
      // A backup copies what is about to be written.
      const touched = new Set<number>();
      markBytes({ dirty: touched, granularity: bytesOfCluster }, offset, length);
      for (const at of touched) if (todo.delete(at)) putCluster(known(state, job.targetNodeName), at, []);
    }
  }
}

/** Lets a job go on by some clusters, and come as far as it can where that is enough. */
export function advance(state: State, running: ModelJob, clusters: number): void {
  const { job, todo, status } = running;
  if (status === 'concluded' || status === 'pending') return;
  try {
    if (job.kind === 'fill') {
      copySlowly(state, running, job.targetNodeName);
      return;
    }
    // It keeps what the guest overwrites until it is cancelled.
    if (job.kind === 'backup' && job.sync === 'none') return;
    for (const at of [...todo].slice(0, clusters)) {
      copyCluster(state, job, at);
      todo.delete(at);
    }
    if (todo.size > 0) return;
    if (job.kind === 'commit' || job.kind === 'copy') arrive(state, running);
    else conclude(state, running);
  } catch (cause) {
    fail(state, running, (cause as Error).message);
  }
}

function copyCluster(state: State, job: Job, at: number): void {
  if (job.kind === 'commit') putCluster(known(state, job.baseNodeName), at, readCluster(state, job.topNodeName, at));
  if (job.kind === 'copy') putCluster(known(state, job.targetNodeName), at, readCluster(state, job.activeNodeName, at));
  if (job.kind === 'backup') copyBackup(state, job, at);
  if (job.kind === 'pull') {
    // What is copied up is not written by the guest, and no bitmap is told of it.
    const active = known(state, job.activeNodeName);
    if (!active.data.has(at)) active.data.set(at, [...readCluster(state, job.activeNodeName, at)]);
  }
}

function arrive(state: State, running: ModelJob): void {
  const { job, isLetGo } = running;
  if (isLetGo) conclude(state, running);
  else running.status = job.kind === 'commit' && job.topNodeName !== job.activeNodeName ? 'pending' : 'ready';
}

/** A backup at no speed at all: it comes no further than its first copy. */
function copySlowly(state: State, running: ModelJob, targetNodeName: string): void {
  const { todo, hasCopied } = running;
  const [at] = todo;
  if (at !== undefined && !hasCopied) {
    putCluster(known(state, targetNodeName), at, []);
    todo.delete(at);
    running.hasCopied = true;
  }
  if (todo.size === 0) conclude(state, running);
}

/** The bitmap of a backup gets all that it did not copy, and what was written meanwhile. */
function fill(state: State, { job, todo, meanwhile }: ModelJob): void {
  if (job.kind !== 'fill') return;
  const node = known(state, job.nodeName);
  const bitmap = findBitmap(node, job.bitmap);
  bitmap.dirty.clear();
  for (const granule of meanwhile) bitmap.dirty.add(granule);
  for (const at of todo) {
    const offset = at * bytesOfCluster;
    markBytes(bitmap, offset, Math.min(bytesOfCluster, node.virtualSize - offset));
  }
  bitmap.busy = false;
}

function conclude(state: State, running: ModelJob): void {
  const { job } = running;
  running.status = 'concluded';
  switch (job.kind) {
    case 'create':
      create(state, job);
      return;
    case 'fill':
      fill(state, running);
      return;
    case 'backup':
      endBackup(state, { job, meanwhile: running.meanwhile }, true);
      return;
    case 'copy':
      moveRoot(state, job.activeNodeName, job.targetNodeName);
      break;
    case 'pull':
      putOn(known(state, job.activeNodeName), job.baseNodeName);
      break;
    case 'commit':
      if (job.topNodeName === job.activeNodeName) moveRoot(state, job.activeNodeName, job.baseNodeName);
      else finishInactive(state, running);
  }
  dropUnnamed(state);
}

function finishInactive(state: State, { job, wasReadOnly }: ModelJob): void {
  if (job.kind !== 'commit') return;
  for (const node of state.nodes.values()) if (node.backing === job.topNodeName) putOn(node, job.baseNodeName);
  if (wasReadOnly) closeForWriting(known(state, job.baseNodeName));
}

function closeForWriting(node: ModelNode): void {
  node.readOnly = true;
  store(node);
}

function moveRoot({ roots }: State, from: string, to: string): void {
  for (const [diskTarget, root] of roots) if (root === from) roots.set(diskTarget, to);
}

/** A node that QEMU named itself is gone with the last that uses it. */
export function dropUnnamed(state: State): void {
  const { nodes, roots } = state;
  for (const nodeName of nodes.keys()) {
    const isUsed =
      !nodeName.startsWith('#') ||
      [...roots.values()].includes(nodeName) ||
      [...nodes.values()].some(({ backing }) => backing === nodeName);
    if (isUsed) continue;
    nodes.delete(nodeName);
    dropUnnamed(state);
    return;
  }
}

function create({ files, fileNodes }: State, { options }: Job & { readonly kind: 'create' }): void {
  const { driver, filename, file, size } = options;
  if (driver === 'file') {
    // QEMU empties what is there, unless it has it open itself.
    if ([...fileNodes.values()].includes(String(filename))) throw new Error('Failed to get "write" lock');
    files.set(String(filename), { size: Number(size) });
    return;
  }
  const opened = fileNodes.get(String(file));
  if (opened === undefined) throw new Error(`Cannot find device='' nor node-name='${String(file)}'`);
  const clusterSize = options['cluster-size'];
  const header = {
    virtualSize: Number(size),
    ...(typeof clusterSize === 'number' && { clusterSize }),
  };
  files.set(opened, { header });
}

export function fail(state: State, running: ModelJob, error: string): void {
  const { job, wasReadOnly } = running;
  running.status = 'concluded';
  running.error = error;
  if (job.kind === 'commit' && wasReadOnly) closeForWriting(known(state, job.baseNodeName));
  if (job.kind === 'backup') endBackup(state, { job, meanwhile: running.meanwhile }, false);
  fill(state, running);
}

/** Ends a job, whatever its state, and forgets it. */
export function cancelJob(state: State, jobId: string): void {
  const running = state.jobs.get(jobId);
  if (running === undefined) return;
  if (running.status !== 'concluded') fail(state, running, 'Operation canceled');
  state.jobs.delete(jobId);
}

/** Nodes that nothing may close while a job is there. */
export function heldByJobs({ jobs }: State): ReadonlySet<string> {
  const held = new Set<string>();
  for (const { job, status } of jobs.values()) {
    if (job.kind === 'create') continue;
    // Below the active layer a commit holds its layers until it is dismissed.
    const holds = status !== 'concluded' || (job.kind === 'commit' && job.topNodeName !== job.activeNodeName);
    if (!holds) continue;
    if (job.kind === 'commit') held.add(job.topNodeName).add(job.baseNodeName);
    if (job.kind === 'copy') held.add(job.activeNodeName).add(job.targetNodeName);
    if (job.kind === 'fill' || job.kind === 'backup') held.add(job.nodeName).add(job.targetNodeName);
  }
  return held;
}
