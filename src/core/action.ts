import type { BackupJob, Job } from './job.js';
import type { NbdServer } from './model/nbd-server.js';

/** One change that takes part in a QMP `transaction`. */
export type TransactionAction =
  | BitmapAddAction
  | BitmapAction
  | BitmapMergeAction
  | SnapshotTakeAction
  | BackupStartAction;

/** Makes a bitmap. QEMU refuses a name that its node has. */
export interface BitmapAddAction {
  readonly kind: 'bitmap-add';
  readonly nodeName: string;
  readonly bitmap: string;
  readonly persistent: boolean;
  /** Guest writes are added from this moment on. */
  readonly recording: boolean;
  /** Bytes per bit; absent: QEMU's choice by the cluster size. */
  readonly granularity?: number;
}

/**
 * Removes, empties, starts or stops a bitmap. A removal from a stored image cannot be put back: see {@link Step}.
 *
 * No plan here starts a bitmap, and none should: a transaction that starts one which is not there crashes QEMU 7.2 and 10.0,
 * and one that is refused for another reason stops the bitmap it was to start.
 */
export interface BitmapAction {
  readonly kind: 'bitmap-remove' | 'bitmap-clear' | 'bitmap-enable' | 'bitmap-disable';
  readonly nodeName: string;
  readonly bitmap: string;
}

/** Adds the bits of other bitmaps of the same virtual size, of this node or of others; granularities may differ. */
export interface BitmapMergeAction {
  readonly kind: 'bitmap-merge';
  readonly nodeName: string;
  readonly intoBitmap: string;
  readonly sources: readonly BitmapReference[];
}

/** A bitmap by its node. */
export interface BitmapReference {
  readonly nodeName: string;
  readonly bitmap: string;
}

/** Puts an overlay on an active layer: from that moment on the guest writes to it, and the layer below turns read-only. */
export interface SnapshotTakeAction {
  readonly kind: 'snapshot-take';
  /** The active layer. */
  readonly nodeName: string;
  /** A node without a backing image. */
  readonly overlayNodeName: string;
}

/** Starts the backup of a disk, which shows it as it is at this instant. */
export interface BackupStartAction {
  readonly kind: 'backup-start';
  readonly job: BackupJob;
}

/** Changes that happen together or not at all, all at one point in time. */
export interface Transaction {
  readonly kind: 'transaction';
  readonly actions: readonly TransactionAction[];
  /** A node that is named may be gone; then there is nothing to do, for the others either. */
  readonly mayBeGone?: true;
}

/** Opens a node anew for reading only, or for writing too; QEMU cannot do this inside a transaction. */
export interface NodeReopenAction {
  readonly kind: 'node-reopen';
  readonly nodeName: string;
  readonly format: string;
  readonly readOnly: boolean;
  /** QEMU wants the protocol layer and the backing image named again, though they stay what they are. */
  readonly fileNodeName: string;
  /** Absent at the base. */
  readonly backingNodeName?: string;
  /** What else the node was added with: see {@link BlockNode.reopenOptions}. */
  readonly options?: { readonly [option: string]: unknown };
}

/** Opens an image, or a filter, as a node that is not yet part of any disk. */
export interface NodeAddAction {
  readonly kind: 'node-add';
  readonly nodeName: string;
  /** The block driver. */
  readonly format: string;
  /** Bytes; what the node will have, for the plan: QEMU is not told. */
  readonly virtualSize: number;
  /** Bytes per cluster of the image; for the plan too. */
  readonly clusterSize?: number;
  /** What the image is called, for the plan; QEMU is told in `options` of the protocol layer. */
  readonly filename?: string;
  readonly fileNodeName?: string;
  /** `null`: none, whatever the image says; absent: what the image says. */
  readonly backingNodeName?: string | null;
  /** What else QEMU is told, in QMP's spelling. */
  readonly options?: { readonly [option: string]: unknown };
}

/** Closes a node that is no part of a disk. Bitmaps that its image does not hold are gone with it. */
export interface NodeRemoveAction {
  readonly kind: 'node-remove';
  readonly nodeName: string;
  /** It may be gone already, from a run that did not end; then there is nothing to do. */
  readonly mayBeGone?: true;
}

/** Looks whether a node has bitmaps that are recording, persistent and well, and fails where one is not. */
export interface BitmapsExpectAction {
  readonly kind: 'bitmaps-expect';
  readonly nodeName: string;
  readonly bitmaps: readonly string[];
}

/**
 * Starts a job, goes on with it, or ends it: `job-complete` lets a job that follows the guest end, `job-finalize` one that
 * waits before its end, `job-cancel` ends one and waits until it is gone, `job-dismiss` forgets one that has ended.
 */
export interface JobAction {
  readonly kind: 'job-start' | 'job-complete' | 'job-finalize' | 'job-cancel' | 'job-dismiss';
  readonly job: Job;
  /** With `job-cancel`: done once the job is gone, should the node be open for writing. QEMU 7.2 leaves the base of a commit so. */
  readonly closing?: NodeReopenAction;
}

/**
 * Waits until a job has copied something, or there was nothing to copy (`copying`), follows the guest (`ready`), waits before
 * its end (`pending`), or has ended (`concluded`).
 */
export interface JobWaitAction {
  readonly kind: 'job-wait';
  readonly job: Job;
  readonly until: 'copying' | 'ready' | 'pending' | 'concluded';
  /** The job may fail: to have ended is enough. */
  readonly mayFail?: true;
}

/** Ends the jobs of a backup whatever their state, sees them gone, and then removes bitmaps: what takes its beginning back. */
export interface BackupCancelAction {
  readonly kind: 'backup-cancel';
  readonly jobs: readonly BackupJob[];
  readonly bitmaps: readonly BitmapReference[];
}

/** Lets clients reach exports over NBD; QEMU has one such server. */
export interface NbdServerStartAction {
  readonly kind: 'nbd-server-start';
  readonly server: NbdServer;
}

/** Stops the NBD server; where there is none, there is nothing to do. */
export interface NbdServerStopAction {
  readonly kind: 'nbd-server-stop';
}

/** Lets clients of the NBD server read a node, and a bitmap: of that node, if no other is named. */
export interface ExportAddAction {
  readonly kind: 'export-add';
  readonly exportId: string;
  readonly nodeName: string;
  /** What clients call it. */
  readonly exportName: string;
  readonly bitmap?: string;
  readonly bitmapNodeName?: string;
}

/** Ends an export, whoever reads it; where it is gone, there is nothing to do. */
export interface ExportRemoveAction {
  readonly kind: 'export-remove';
  readonly exportId: string;
}

/** An action that cannot take part in a transaction. */
export type StandaloneAction =
  | NodeReopenAction
  | NodeAddAction
  | NodeRemoveAction
  | BitmapsExpectAction
  | JobAction
  | JobWaitAction
  | BackupCancelAction
  | NbdServerStartAction
  | NbdServerStopAction
  | ExportAddAction
  | ExportRemoveAction;

/** What is done at once. */
export type Command = Transaction | StandaloneAction;

/** Any single change. */
export type Action = TransactionAction | StandaloneAction;
