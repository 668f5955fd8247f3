import { isQmpError, type QmpCommandError } from './error.js';
import type { QmpConnection } from './qmp-connection.js';
import { formatRequest } from './session/request.js';

/** A session that keeps what passes over it. */
export interface RecordedSession extends QmpConnection {
  /** What has passed so far, for {@link replaySession}: a line of JSON for each command, reply and event, as in QMP. */
  transcript(): string;
}

/**
 * Wraps a session so that all that passes over it is written down, in the order in which this process saw it.
 *
 * A transcript holds the values of arguments and replies, secrets too, and all of it is kept in memory.
 *
 * @param session - Use only what is returned: what goes past it is not recorded. Closing one closes both.
 * @example
 * ```ts
 * const session = recordSession(await connect('/run/vm.qmp'));
 * await session.execute('query-version');
 * await writeFile('version.jsonl', session.transcript());
 * ```
 */
export function recordSession(session: QmpConnection): RecordedSession {
  const lines: string[] = [];
  let lastId = 0;
  const write = (message: object) => lines.push(`${JSON.stringify(message)}\n`);

  const execute: QmpConnection['execute'] = async (command, args, options) => {
    options?.signal?.throwIfAborted();
    const { id, line } = formatRequest(lastId + 1, command, args);
    lastId = id;
    lines.push(line);
    try {
      const value = await session.execute(command, args, options);
      // A scripted session may answer nothing at all, which JSON cannot hold.
      write({ return: value ?? null, id });
      return value;
    } catch (error) {
      if (isRefusal(error)) write({ error: { class: error.errorClass, desc: error.desc }, id });
      throw error;
    }
  };

  const { greeting, closed } = session;
  write({ QMP: greeting });
  // A filter sees each event at the moment it comes. This one wants none of them.
  session.events((event) => {
    write(event);
    return false;
  });
  return {
    greeting,
    execute,
    events: (filter, options) => session.events(filter, options),
    closed,
    close: () => session.close(),
    [Symbol.asyncDispose]: () => session.close(),
    transcript: () => lines.join(''),
  };
}

function isRefusal(error: unknown): error is QmpCommandError {
  return isQmpError(error) && error.kind === 'command';
}
