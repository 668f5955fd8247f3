// Keep the checkpoints of a domain

export { checkpointStore } from './checkpoint-store.js';

// End what a crash left half done

export { reconcile } from './reconcile.js';

// What can go wrong

export { isStoreError, StoreError } from './error.js';

// Types

export type { CheckpointStore, StoreOptions } from './checkpoint-store.js';
export type { StoreErrorDetails, StoreErrorKind } from './error.js';
export type { StoredCheckpoints } from './stored-checkpoints.js';
