import type { QmpEvent, QmpEvents } from '../qmp-event.js';
import { boundedQueue } from './bounded-queue.js';

/** The two ends of one subscription: where events go in, and where its reader takes them out. */
export interface EventQueue {
  readonly events: QmpEvents;
  put(event: QmpEvent): void;
  /** No more will come. What is there can be read; then the reader is thrown `failure`, where there is one. */
  end(failure?: unknown): void;
  /** Drops what is there and throws the reason to the reader. */
  abort(reason: unknown): void;
}

interface Reader {
  readonly resolve: (result: IteratorResult<QmpEvent>) => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * Makes the queue of one subscription. It never waits for its reader: when it is full the oldest event makes room, and the
 * next one read says how many are missing.
 *
 * @param onLeave - Called once, when the reader wants no more.
 */
export function eventQueue(limit: number, onLeave: () => void): EventQueue {
  const queue = boundedQueue<QmpEvent>(limit);
  const readers: Reader[] = [];
  let dropped = 0;
  let ended = false;
  let failure: { readonly reason: unknown } | undefined;

  function next(): Promise<IteratorResult<QmpEvent>> {
    const event = queue.take();
    if (event !== undefined) {
      const value = dropped === 0 ? event : { ...event, droppedBefore: dropped };
      dropped = 0;
      return Promise.resolve({ value, done: false });
    }
    if (!ended) return new Promise((resolve, reject) => readers.push({ resolve, reject }));
    const { reason } = failure ?? {};
    const failed = failure !== undefined;
    failure = undefined;
    return failed ? Promise.reject(reason) : Promise.resolve({ value: undefined, done: true });
  }

  function end(reason?: unknown): void {
    if (ended) return;
    ended = true;
    if (reason !== undefined) failure = { reason };
    // Whoever waits has read everything. The failure is thrown once, to the first.
    for (const { resolve, reject } of readers.splice(0)) next().then(resolve, reject);
  }

  return {
    events: {
      next,
      return() {
        onLeave();
        queue.clear();
        failure = undefined;
        end();
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    },
    put(event) {
      if (ended) return;
      const reader = readers.shift();
      if (reader !== undefined) reader.resolve({ value: event, done: false });
      else if (queue.put(event)) dropped += 1;
    },
    end,
    abort(reason) {
      queue.clear();
      end(reason);
    },
  };
}
