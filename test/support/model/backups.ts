import type { BackupJob } from '../../../src/index.js';
import { findBitmap, idle, usable } from './bitmaps.js';
import { bytesOfCluster, known, layersFrom, markBytes, putCluster, readCluster, type State } from './state.js';

/** What a backup has to copy, by its clusters; refuses it with QEMU's text, and holds its bitmap. */
export function backupClusters(state: State, job: BackupJob): Iterable<number> {
  const { nodeName, targetNodeName, sync, bitmap: name } = job;
  const node = known(state, nodeName);
  const target = known(state, targetNodeName);
  if (node === target) throw new Error('Cannot backup a device into itself');
  if (target.virtualSize !== node.virtualSize) throw new Error('Source and target image have different sizes');
  if (target.readOnly || [...state.roots.values()].includes(targetNodeName)) {
    throw new Error(`Permission conflict on node '${targetNodeName}'`);
  }
  if (sync === 'incremental' && name === undefined) {
    throw new Error("must provide a valid bitmap name for 'incremental' sync mode");
  }
  if (sync !== 'incremental' && name !== undefined) throw new Error(`Sync mode '${sync}' does not take a bitmap`);
  if (sync === 'none') return [];
  if (name === undefined) return layersFrom(state, nodeName).flatMap(({ data }) => [...data.keys()]);
  const bitmap = usable(idle(findBitmap(node, name)));
  const clusters = new Set<number>();
  for (const granule of bitmap.dirty) {
    const offset = granule * bitmap.granularity;
    const length = Math.min(bitmap.granularity, node.virtualSize - offset);
    markBytes({ dirty: clusters, granularity: bytesOfCluster }, offset, length);
  }
  bitmap.busy = true;
  return clusters;
}

export function copyBackup(state: State, { nodeName, targetNodeName }: BackupJob, at: number): void {
  putCluster(known(state, targetNodeName), at, readCluster(state, nodeName, at));
}

/** Before the guest overwrites what is still to be copied, it is: so a backup shows the instant that it began. */
export function copyBeforeWrite(state: State, nodeName: string, offset: number, length: number): void {
  for (const { job, status, todo } of state.jobs.values()) {
    if (job.kind !== 'backup' || job.nodeName !== nodeName || status === 'concluded') continue;
    const touched = new Set<number>();
    markBytes({ dirty: touched, granularity: bytesOfCluster }, offset, length);
    for (const at of touched) {
      const isToCopy = job.sync === 'none' ? !known(state, job.targetNodeName).data.has(at) : todo.delete(at);
      if (isToCopy) copyBackup(state, job, at);
    }
  }
}

interface RunningBackup {
  readonly job: BackupJob;
  /** What is written meanwhile, by the granules of its bitmap. */
  readonly meanwhile: Set<number>;
}

/** A bitmap that records goes on recording while it is held. */
export function noteBackupWrite(
  state: State,
  { job, meanwhile }: RunningBackup,
  nodeName: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): void {
  if (job.nodeName !== nodeName || job.bitmap === undefined) return;
  const { granularity, recording } = findBitmap(known(state, nodeName), job.bitmap);
  if (recording) markBytes({ dirty: meanwhile, granularity }, offset, length);
}

/** Where it succeeded its bitmap has only what was written meanwhile; else it keeps all. */
export function endBackup(state: State, { job, meanwhile }: RunningBackup, succeeded: boolean): void {
  if (job.bitmap === undefined) return;
  const bitmap = findBitmap(known(state, job.nodeName), job.bitmap);
  bitmap.busy = false;
  if (!succeeded) return;
  bitmap.dirty.clear();
  for (const granule of meanwhile) bitmap.dirty.add(granule);
}
