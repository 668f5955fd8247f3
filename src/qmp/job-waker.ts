import type { QmpEvent } from './qmp-event.js';
import type { QmpSession } from './qmp-session.js';
import { onAbort } from './session/on-abort.js';

/** Tells when it is worth looking at the jobs again. */
export interface JobWaker {
  /** Waits until a job or an export has changed, but not for ever: an event may have been lost, and progress sends none. */
  wait(signal?: AbortSignal): Promise<void>;
  close(): void;
}

const longestWait = 500;

const wakers = ['JOB_STATUS_CHANGE', 'BLOCK_EXPORT_DELETED'];

/** For where there is no job to wait for. */
export const idleWaker: JobWaker = { wait: () => Promise.resolve(), close: () => undefined };

/**
 * Listens to what jobs do, from this call on. A session that has no events is looked at more often.
 *
 * Events only wake: the state of a job is always asked for. So one that was missed, or came before anyone waited, does no
 * harm.
 */
export function jobWaker(session: QmpSession): JobWaker {
  const events = hasEvents(session) ? session.events(wakers, { limit: 64 }) : undefined;
  let changed = false;
  let wake: () => void = () => {};
  void pump(events, () => {
    changed = true;
    wake();
  });
  return {
    async wait(signal) {
      if (!changed && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const done = () => {
            clearTimeout(timer);
            forgetSignal();
            resolve();
          };
          const timer = setTimeout(done, events === undefined ? 50 : longestWait);
          const forgetSignal = onAbort(signal, done);
          wake = done;
        });
      }
      changed = false;
    },
    close() {
      void events?.return?.();
    },
  };
}

type WithEvents = QmpSession & {
  events(filter: readonly string[], options: { readonly limit: number }): AsyncIterableIterator<QmpEvent>;
};

function hasEvents(session: QmpSession): session is WithEvents {
  return 'events' in session && typeof session.events === 'function';
}

async function pump(events: AsyncIterable<QmpEvent> | undefined, tell: () => void): Promise<void> {
  if (events === undefined) return;
  try {
    for await (const _ of events) tell();
  } catch {
    // The session has ended: the next command says so, with more to it.
  }
  tell();
}
