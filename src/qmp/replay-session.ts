import { QmpClosedError, QmpDivergedError } from './error.js';
import type { QmpConnection } from './qmp-connection.js';
import { firstDifference } from './session/first-difference.js';
import type { QmpRequest } from './session/request.js';
import { sessionCore } from './session/session-core.js';
import { parseTranscript, type RecordedCommand } from './session/transcript.js';

/** A session that is answered from a transcript. */
export interface ReplayedSession extends QmpConnection {
  /** How many commands of the transcript were not given yet: 0 when all of it has been replayed. */
  readonly remaining: number;
}

/**
 * Answers a session from a transcript, for tests of code that uses this library: no QEMU, no socket.
 *
 * Commands must come in the order of the transcript, with the same arguments. Each is answered as it was; events come
 * before the answer, or after it, as they did. A command that was aborted when it was recorded has no answer: it waits for
 * its signal. Where the transcript ends without an answer, the session ended there.
 *
 * @param transcript - Of {@link recordSession}, or written by hand: a message of QMP a line. Ids and the greeting may be
 * left out.
 * @throws {@link QmpMalformedError} for what is no transcript, with the line. The first command that is not the expected one
 * is rejected with a {@link QmpDivergedError} and ends the session.
 * @example
 * ```ts
 * const session = replaySession('{"execute":"query-version"}\n{"return":{"package":"v10.0.2"}}\n');
 * await session.execute('query-version'); // { package: 'v10.0.2' }
 * session.remaining; // 0
 * ```
 */
export function replaySession(transcript: string): ReplayedSession {
  const { greeting, commands, events, end } = parseTranscript(transcript);
  const lastAnswer = commands.reduce((last, { answer }) => Math.max(last, answer?.line ?? 0), 0);
  const core = sessionCore({ send, withdraw: () => false, close: () => Promise.resolve() });
  let given = 0;
  let told = 0;

  function send(request: QmpRequest, signal?: AbortSignal): void {
    const recorded = commands[given] ?? { line: end };
    const divergence = divergenceOf(recorded, request);
    if (divergence !== undefined) {
      core.reject(request.id, divergence);
      core.end(divergence);
      return;
    }
    given += 1;
    answer(recorded, request, signal);
    tellEventsLater();
  }

  function answer({ line, answer: recorded }: Recorded, { id, command }: QmpRequest, signal?: AbortSignal): void {
    tellEvents(recorded?.line ?? line);
    if (recorded !== undefined) core.receive({ ...recorded.message, id });
    else if (line > lastAnswer) core.end(new QmpClosedError('the transcript ends here'));
    else if (signal === undefined) core.reject(id, unanswered(line, command));
  }

  function tellEvents(before: number): void {
    for (let next = events[told]; next !== undefined && next.line < before; next = events[told]) {
      told += 1;
      core.publish(next.event);
    }
  }

  /** What came after an answer comes after it here too: there is time to subscribe to it. */
  function tellEventsLater(): void {
    setTimeout(() => tellEvents(commands[given]?.line ?? end), 0);
  }

  tellEventsLater();
  const { execute, events: subscribe, closed, close } = core;
  return {
    greeting,
    execute,
    events: subscribe,
    closed,
    close,
    [Symbol.asyncDispose]: close,
    get remaining() {
      return commands.length - given;
    },
  };
}

type Recorded = Partial<RecordedCommand> & Pick<RecordedCommand, 'line'>;

function divergenceOf({ line, command, args }: Recorded, request: QmpRequest): QmpDivergedError | undefined {
  const where = { line, given: request.command, ...(command !== undefined && { expected: command }) };
  if (command !== request.command) {
    const expected = command ?? 'the end';
    return new QmpDivergedError(
      `line ${line} of the transcript: expected ${expected}, given ${request.command}`,
      where,
    );
  }
  const { arguments: given = {} } = JSON.parse(request.line) as { readonly arguments?: unknown };
  const difference = firstDifference(args ?? {}, given, 'arguments');
  if (difference === undefined) return undefined;
  return new QmpDivergedError(
    `line ${line} of the transcript: ${command} was given other values at ${difference}`,
    where,
  );
}

function unanswered(line: number, command: string): QmpDivergedError {
  const message = `line ${line} of the transcript: ${command} was aborted there, and now it was given no signal`;
  return new QmpDivergedError(message, { line, expected: command, given: command });
}
