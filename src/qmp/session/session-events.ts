import type { QmpEvent, QmpEventFilter, QmpEventOptions, QmpEvents } from '../qmp-event.js';
import { type EventQueue, eventQueue } from './event-queue.js';
import { invalidArgument } from './invalid-argument.js';
import { onAbort } from './on-abort.js';

/** The subscriptions of one session. */
export interface SessionEvents {
  subscribe(filter?: QmpEventFilter, options?: QmpEventOptions): QmpEvents;
  publish(event: QmpEvent): void;
  /** Ends all subscriptions, those to come too: with `failure`, where there is one. */
  end(failure?: unknown): void;
}

interface Subscription {
  readonly queue: EventQueue;
  readonly wants: (event: QmpEvent) => boolean;
  readonly leave: () => void;
}

/** Makes a session's events. Nothing that a reader or his filter does holds up the one who publishes. */
export function sessionEvents(): SessionEvents {
  const subscriptions = new Set<Subscription>();
  let end: { readonly failure: unknown } | undefined;

  function subscribe(filter?: QmpEventFilter, options: QmpEventOptions = {}): QmpEvents {
    const { signal, limit = 1024 } = options;
    if (!Number.isSafeInteger(limit) || limit < 1)
      throw invalidArgument('options.limit', 'must be a whole number of at least 1');
    const queue = eventQueue(limit, leave);
    const subscription = { queue, wants: wantedBy(filter), leave };
    const forgetSignal = onAbort(signal, (reason) => {
      leave();
      queue.abort(reason);
    });
    function leave(): void {
      forgetSignal();
      subscriptions.delete(subscription);
    }
    if (signal?.aborted) queue.abort(signal.reason);
    else if (end !== undefined) queue.end(end.failure);
    else subscriptions.add(subscription);
    return queue.events;
  }

  return {
    subscribe,
    publish(event) {
      for (const { queue, wants, leave } of subscriptions) {
        try {
          if (wants(event)) queue.put(event);
        } catch (failure) {
          // The filter is the reader's own: its fault is his to see.
          leave();
          queue.end(failure);
        }
      }
    },
    end(failure) {
      end ??= { failure };
      for (const { queue, leave } of subscriptions) {
        leave();
        queue.end(failure);
      }
    },
  };
}

function wantedBy(filter: QmpEventFilter | undefined): (event: QmpEvent) => boolean {
  if (filter === undefined) return () => true;
  if (typeof filter === 'function') return filter;
  const names = new Set(typeof filter === 'string' ? [filter] : filter);
  return ({ event }) => names.has(event);
}
