/** One change that takes part in a QMP `transaction`. */
export type TransactionAction = BitmapAddAction | BitmapAction | BitmapMergeAction;

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

/** Removes, empties, starts or stops a bitmap. A removal from a stored image cannot be put back: see {@link Step}. */
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

/** Changes that happen together or not at all, all at one point in time. */
export interface Transaction {
  readonly kind: 'transaction';
  readonly actions: readonly TransactionAction[];
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

/** An action that cannot take part in a transaction. */
export type StandaloneAction = NodeReopenAction;

/** What is sent to QEMU at once. */
export type Command = Transaction | StandaloneAction;

/** Any single change. */
export type Action = TransactionAction | StandaloneAction;
