import type { QmpArguments } from './qmp-session.js';

/** Something that happened in QEMU, as QMP tells it. */
export interface QmpEvent {
  /** `BLOCK_JOB_COMPLETED` and the like. */
  readonly event: string;
  /** What goes with it; absent where nothing does. */
  readonly data?: QmpArguments;
  /** QEMU's clock, since the epoch. */
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
  /** How many events were dropped just before this one because the queue was full; absent: none. */
  readonly droppedBefore?: number;
}

/** Which events are wanted: by name, by one of several names, or by a function. */
export type QmpEventFilter = string | readonly string[] | ((event: QmpEvent) => boolean);

/** How events are waited for. */
export interface QmpEventOptions {
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How many events may wait to be read, at least 1; default 1024. When one more comes the oldest is dropped. */
  readonly limit?: number;
}

/** Events in the order they came. Leaving a `for await` loop, or `return()`, ends the subscription. */
export interface QmpEvents extends AsyncIterableIterator<QmpEvent> {
  return(): Promise<IteratorResult<QmpEvent>>;
}
