import type { QmpArguments, QmpSession } from './qmp-session.js';

/** A command as the session was given it. */
export interface ScriptedCall {
  readonly command: string;
  readonly arguments?: QmpArguments;
}

/**
 * Makes a session that a function answers, for tests of code that uses this library: no QEMU, no socket.
 *
 * What the function returns is the reply's `return`; what it throws, a {@link QmpCommandError} say, is the failure.
 *
 * @param handler - Called with the command's name and its arguments (`{}` where there are none), in the order they come.
 * @returns The session, and in `calls` all that it was given.
 * @example
 * ```ts
 * const session = scriptedSession((command) => (command === 'query-version' ? { package: 'v10.0.2' } : {}));
 * await session.execute('query-version'); // { package: 'v10.0.2' }
 * session.calls; // [{ command: 'query-version' }]
 * ```
 */
export function scriptedSession(
  handler: (command: string, args: QmpArguments) => unknown,
): QmpSession & { readonly calls: readonly ScriptedCall[] } {
  const calls: ScriptedCall[] = [];
  return {
    calls,
    async execute(command, args, options) {
      options?.signal?.throwIfAborted();
      calls.push({ command, ...(args !== undefined && { arguments: args }) });
      return await handler(command, args ?? {});
    },
  };
}
