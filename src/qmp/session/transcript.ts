import { type QmpError, QmpMalformedError } from '../error.js';
import type { QmpGreeting } from '../qmp-connection.js';
import type { QmpEvent } from '../qmp-event.js';
import { defaultGreeting } from './default-greeting.js';
import { invalidArgument } from './invalid-argument.js';
import { parseObject, type QmpMessage, readMessage } from './message.js';

/** What passed over a session, by the lines of a transcript, from 1. */
export interface Transcript {
  readonly greeting: QmpGreeting;
  readonly commands: readonly RecordedCommand[];
  readonly events: readonly RecordedEvent[];
  /** The line after the last one. */
  readonly end: number;
}

/** A command and, where it was answered, its answer. */
export interface RecordedCommand {
  readonly line: number;
  readonly command: string;
  readonly args: unknown;
  readonly answer?: RecordedAnswer;
}

/** An event. */
export interface RecordedEvent {
  readonly line: number;
  readonly event: QmpEvent;
}

interface RecordedAnswer {
  readonly line: number;
  readonly message: Extract<QmpMessage, { readonly kind: 'return' | 'error' }>;
}

/**
 * Reads a transcript: a message of QMP a line, as it stands on the wire. An answer belongs to the command of its id, or,
 * where it has none, to the first one that waits: so a log of another program can be one.
 *
 * @throws {@link QmpMalformedError}, with the number of the line that is none of these.
 */
export function parseTranscript(text: string): Transcript {
  if (typeof text !== 'string') throw invalidArgument('transcript', 'must be a text');
  const transcript = { greeting: defaultGreeting, commands: [] as Recording[], events: [] as RecordedEvent[], end: 1 };
  const waiting: Recording[] = [];

  function read(content: string, line: number): void {
    const object = parseObject(content);
    if (typeof object['execute'] === 'string') {
      const recording = { line, id: object['id'], command: object['execute'], args: object['arguments'] };
      transcript.commands.push(recording);
      waiting.push(recording);
      return;
    }
    const message = readMessage(object);
    if (message.kind === 'greeting') transcript.greeting = message.greeting;
    else if (message.kind === 'event') transcript.events.push({ line, event: message.event });
    else answerOf(message).answer = { line, message };
  }

  function answerOf({ id }: { readonly id?: unknown }): Recording {
    const place = id === undefined ? 0 : waiting.findIndex((command) => command.id === id);
    const [answered] = place === -1 ? [] : waiting.splice(place, 1);
    if (answered === undefined) throw new QmpMalformedError('an answer to no command');
    return answered;
  }

  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue;
    transcript.end = index + 2;
    try {
      read(content, index + 1);
    } catch (cause) {
      throw new QmpMalformedError(`line ${index + 1} of the transcript: ${(cause as QmpError).message}`, { cause });
    }
  }
  return transcript;
}

/** A command that is still being read about. */
interface Recording extends RecordedCommand {
  readonly id: unknown;
  answer?: RecordedAnswer;
}
