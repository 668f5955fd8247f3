/**
 * A background job of QEMU's, as a plan starts it. Every action on a job repeats what the job is: so each says by itself
 * what it does to the domain.
 *
 * All jobs stay when they have ended until they are dismissed, for else their error could be missed.
 */
export type Job = CommitJob | CopyJob | PullJob | BackupJob | FillJob | CreateJob;

/** What the jobs that change a chain have in common. */
interface ChainJob {
  readonly jobId: string;
  readonly diskTarget: string;
  /** Node-name of the disk's active layer. */
  readonly activeNodeName: string;
}

/** Jobs that QEMU begins only at the node which nothing stands on. */
interface RootJob extends ChainJob {
  /** Node-name of that one, where it is a filter above the active layer. */
  readonly filterNodeName?: string;
}

/**
 * Moves the data of layers down into a lower one. From the active layer it goes on following the guest until it is
 * completed; below it, it stops before its end and waits to be finalized.
 *
 * @see QEMU `block-commit`
 */
export interface CommitJob extends RootJob {
  readonly kind: 'commit';
  /** The uppermost layer whose data moves. */
  readonly topNodeName: string;
  /** The layer that takes it. */
  readonly baseNodeName: string;
}

/**
 * Copies a disk to another node and follows the guest until it is completed; then the guest writes there.
 *
 * @see QEMU `blockdev-mirror`
 */
export interface CopyJob extends RootJob {
  readonly kind: 'copy';
  readonly targetNodeName: string;
  /** Only the active layer is copied; the target stands on the same backing image. */
  readonly shallow: boolean;
}

/**
 * Moves the data of lower layers up into the active one.
 *
 * @see QEMU `block-stream`
 */
export interface PullJob extends ChainJob {
  readonly kind: 'pull';
  /** The layer that stays below; absent: none. */
  readonly baseNodeName?: string;
}

/**
 * Copies a disk, as it is at the instant the job begins, to another node: all of it (`full`), what a bitmap has (`incremental`),
 * or only what the guest is about to overwrite (`none`), so that the target shows that instant as long as the job runs.
 *
 * @see QEMU `blockdev-backup`
 */
export interface BackupJob {
  readonly kind: 'backup';
  readonly jobId: string;
  readonly diskTarget: string;
  /** The disk's active layer. */
  readonly nodeName: string;
  readonly targetNodeName: string;
  readonly sync: 'full' | 'incremental' | 'none';
  /** With `incremental`: on the active layer. QEMU empties it where the job succeeds, so it is never a checkpoint's own. */
  readonly bitmap?: string;
  /** Name of the filter that the job puts above the disk; default: QEMU's choice, which nothing else can stand on. */
  readonly filterNodeName?: string;
  /** As `blockdev-backup` takes them, where they differ from its defaults. */
  readonly options?: { readonly [option: string]: unknown };
}

/**
 * Marks in a bitmap what is allocated in one layer, by a backup that is cancelled as soon as it copies: the bitmap then has all
 * that was not copied. What was copied, a bitmap on the target has to tell.
 *
 * The target takes all that is written to it and may forget it. One on which writes fail would do for the job, but not for the
 * guest: what it writes meanwhile is copied before, and would fail too.
 *
 * @see QEMU `blockdev-backup` with `bitmap-mode` `always`
 */
export interface FillJob {
  readonly kind: 'fill';
  readonly jobId: string;
  readonly nodeName: string;
  readonly bitmap: string;
  readonly targetNodeName: string;
}

/**
 * Makes an image file, or formats one.
 *
 * @see QEMU `blockdev-create`
 */
export interface CreateJob {
  readonly kind: 'create';
  readonly jobId: string;
  /** As `blockdev-create` takes them, `driver` first. */
  readonly options: { readonly driver: string; readonly [option: string]: unknown };
}
