import type { QmpConnection, QmpGreeting } from './qmp-connection.js';
import type { QmpEvent } from './qmp-event.js';
import type { QmpArguments } from './qmp-session.js';
import { defaultGreeting } from './session/default-greeting.js';
import { sessionCore } from './session/session-core.js';

/** A command as the session was given it. */
export interface ScriptedCall {
  readonly command: string;
  readonly arguments?: QmpArguments;
}

/** A session that a function answers. */
export interface ScriptedSession extends QmpConnection {
  /** All commands so far, in the order they came. */
  readonly calls: readonly ScriptedCall[];
  /** Tells an event to whoever has subscribed to it. */
  emit(event: QmpEvent): void;
}

/**
 * Makes a session that a function answers, for tests of code that uses this library: no QEMU, no socket.
 *
 * What the function returns is the reply's `return`; what it throws, a {@link QmpCommandError} say, is the failure. All
 * else is as with a real session: events, abort, and that nothing can be sent after `close()`.
 *
 * @param handler - Called with the command's name and its arguments (`{}` where there are none), in the order they come.
 * @param options - `greeting`: what the session says of its QEMU; default: version 0.0.0.
 * @example
 * ```ts
 * const session = scriptedSession((command) => (command === 'query-version' ? { package: 'v10.0.2' } : {}));
 * await session.execute('query-version'); // { package: 'v10.0.2' }
 * session.calls; // [{ command: 'query-version' }]
 * ```
 */
export function scriptedSession(
  handler: (command: string, args: QmpArguments) => unknown,
  options: { readonly greeting?: QmpGreeting } = {},
): ScriptedSession {
  const { greeting = defaultGreeting } = options;
  const calls: ScriptedCall[] = [];
  const core = sessionCore({
    send({ id, command, args }) {
      calls.push({ command, ...(args !== undefined && { arguments: args }) });
      const answer = (async () => await handler(command, args ?? {}))();
      answer.then(
        (value) => core.resolve(id, value),
        (failure) => core.reject(id, failure),
      );
    },
    withdraw: () => false,
    close: () => Promise.resolve(),
  });
  const { execute, events, closed, close } = core;
  return { greeting, execute, events, closed, close, [Symbol.asyncDispose]: close, calls, emit: core.publish };
}
