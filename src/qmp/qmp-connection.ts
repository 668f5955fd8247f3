import type { QmpError } from './error.js';
import type { QmpEventFilter, QmpEventOptions, QmpEvents } from './qmp-event.js';
import type { QmpSession } from './qmp-session.js';

/** What a monitor says of itself first of all. */
export interface QmpGreeting {
  readonly version: {
    readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number };
    /** Who built it: `Debian 1:7.2+dfsg-7`; may be empty. */
    readonly package: string;
  };
  readonly capabilities: readonly string[];
}

/** An open session. {@link connect} gives one; scripted, recorded and replayed sessions behave the same. */
export interface QmpConnection extends QmpSession {
  readonly greeting: QmpGreeting;
  /** Settles when the session has ended, with what ended it, or with nothing after `close()`. Never rejects. */
  readonly closed: Promise<QmpError | undefined>;
  /**
   * Subscribes to events from this call on, so call it before the command that causes what you wait for.
   *
   * Whoever reads slowly loses the oldest events and is told how many; commands never wait for a reader. The iteration ends
   * after `close()`; where the session ended otherwise it throws why, once what came before has been read.
   *
   * @throws {@link CheckpointError} with `invalid-input` for a limit that is not a whole number of at least 1.
   */
  events(filter?: QmpEventFilter, options?: QmpEventOptions): QmpEvents;
  /** Ends the session. Commands without an answer are rejected; those sent may run all the same. May be called again. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
