// Read what is there

export { parseBackup } from './core/model/backup.js';
export { parseBackupManifest } from './core/model/backup-manifest.js';
export { parseCheckpoint } from './core/model/checkpoint.js';
export { parseCheckpointDefinition } from './core/model/checkpoint-definition.js';
export { parseCheckpointTree } from './core/model/checkpoint-tree.js';
export { parseDomain } from './core/model/domain.js';
export { parsePendingChainChange } from './core/model/pending-chain-change.js';
export { parsePendingChange } from './core/model/pending-change.js';

// Plan what is wanted

export { applyStep } from './core/apply.js';
export { chooseBackupBase } from './core/plan/backup-base.js';
export { planBeginBackup } from './core/plan/begin-backup.js';
export { activeWriteBitmap, planBitmapMerge } from './core/plan/bitmap-merge.js';
export { planCommit } from './core/plan/commit.js';
export { planCopy } from './core/plan/copy.js';
export { planCreateCheckpoint } from './core/plan/create-checkpoint.js';
export { planDeleteCheckpoint } from './core/plan/delete-checkpoint.js';
export { planEndBackup } from './core/plan/end-backup.js';
export { planPull } from './core/plan/pull.js';
export { planReconcile } from './core/plan/reconcile.js';
export { planRedefineCheckpoint } from './core/plan/redefine-checkpoint.js';
export { planRescueCheckpoint } from './core/plan/rescue-checkpoint.js';
export { planRestore } from './core/plan/restore.js';
export { planResumeJob } from './core/plan/resume-job.js';
export { planTakeSnapshot } from './core/plan/take-snapshot.js';

// Ask first

export { checkBeginBackup } from './core/check/backup.js';
export { backupBases } from './core/check/backup-bases.js';
export { verifyBackupChain } from './core/check/backup-chain.js';
export { checkBitmapChain } from './core/check/bitmap-chain.js';
export { checkCommit } from './core/check/commit.js';
export { checkCopy } from './core/check/copy.js';
export { checkCreateCheckpoint } from './core/check/create-checkpoint.js';
export { checkDeleteCheckpoint } from './core/check/delete-checkpoint.js';
export { checkPull } from './core/check/pull.js';
export { checkRedefineCheckpoint } from './core/check/redefine-checkpoint.js';
export { checkRescueCheckpoint } from './core/check/rescue-checkpoint.js';
export { checkTakeSnapshot } from './core/check/take-snapshot.js';

export { contextOf, nbdUri } from './core/model/nbd-server.js';
export { isPlanDone } from './core/plan/is-plan-done.js';
export { pendingChainChangeOf } from './core/plan/pending-chain-change.js';
export { pendingChangeOf } from './core/plan/pending-change.js';

// The tree of checkpoints

export { leavesOf, nonLeavesOf, rootsOf } from './core/tree/filters.js';
export { findCheckpoint } from './core/tree/find-checkpoint.js';
export { ancestorsOf, childrenOf, descendantsOf, parentOf } from './core/tree/relatives.js';
export { inTopologicalOrder } from './core/tree/topological-order.js';

// What can go wrong

export { CheckpointError, isCheckpointError } from './core/error.js';

// Types: the model, plans, requests, problems

export type {
  Action,
  BackupCancelAction,
  BackupStartAction,
  BitmapAction,
  BitmapAddAction,
  BitmapMergeAction,
  BitmapReference,
  BitmapsExpectAction,
  Command,
  ExportAddAction,
  ExportRemoveAction,
  JobAction,
  JobWaitAction,
  NbdServerStartAction,
  NbdServerStopAction,
  NodeAddAction,
  NodeRemoveAction,
  NodeReopenAction,
  SnapshotTakeAction,
  StandaloneAction,
  Transaction,
  TransactionAction,
} from './core/action.js';
export type { BackupDiskRequest, BackupImage, BackupRequest } from './core/check/backup.js';
export type { BackupChain, BackupChains, BackupLayer } from './core/check/backup-chain.js';
export type { EndOptions } from './core/check/carried-bitmaps.js';
export type { CommitRequest } from './core/check/commit.js';
export type { CopyRequest } from './core/check/copy.js';
export type { DeleteOptions } from './core/check/delete-checkpoint.js';
export type { PullRequest } from './core/check/pull.js';
export type { RedefineOptions } from './core/check/redefine-checkpoint.js';
export type { RescueRequest } from './core/check/rescue-checkpoint.js';
export type { SnapshotDisk, SnapshotOptions, SnapshotRequest } from './core/check/take-snapshot.js';
export type { BackupJob, CommitJob, CopyJob, CreateJob, FillJob, Job, PullJob } from './core/job.js';
export type { JobState } from './core/job-state.js';
export type { Backup, BackupDisk, BackupNode } from './core/model/backup.js';
export type { BackupManifest, BackupManifestDisk } from './core/model/backup-manifest.js';
export type { Bitmap } from './core/model/bitmap.js';
export type { BlockNode } from './core/model/block-node.js';
export type { Checkpoint, CheckpointDisk } from './core/model/checkpoint.js';
export type { CheckpointDefinition, CheckpointDiskDefinition } from './core/model/checkpoint-definition.js';
export type { CheckpointIdentity } from './core/model/checkpoint-identity.js';
export type { CheckpointTree } from './core/model/checkpoint-tree.js';
export type { Disk } from './core/model/disk.js';
export type { Domain } from './core/model/domain.js';
export type { InternalSnapshot } from './core/model/internal-snapshot.js';
export type { NbdServer, TcpNbdServer, UnixNbdServer } from './core/model/nbd-server.js';
export type { NewImage } from './core/model/new-image.js';
export type { ChainJob, LayerReference, PendingChainChange } from './core/model/pending-chain-change.js';
export type { PendingChange, PendingCreate, PendingDelete, PendingRemoval } from './core/model/pending-change.js';
export type { BackupBase, BackupBaseRequest } from './core/plan/backup-base.js';
export type { BackupPlan } from './core/plan/begin-backup.js';
export type { BitmapMergeRequest } from './core/plan/bitmap-merge.js';
export type { EndBackupOptions, EndBackupPlan } from './core/plan/end-backup.js';
export type { Plan, Step } from './core/plan/plan.js';
export type { Decision, ReconcileOptions, Reconciliation } from './core/plan/reconcile.js';
export type { ImageCommand, RestorePlan, RestoreRequest } from './core/plan/restore.js';
export type { ResumedChange, Resumption } from './core/plan/resume-job.js';
export type { Problem, ProblemDetails } from './core/problem.js';
