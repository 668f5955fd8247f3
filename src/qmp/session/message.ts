import { QmpMalformedError } from '../error.js';
import type { QmpGreeting } from '../qmp-connection.js';
import type { QmpEvent } from '../qmp-event.js';
import type { QmpArguments } from '../qmp-session.js';

/** What a monitor can say. The `id` of an answer is that of its command; QEMU has none for what it could not read. */
export type QmpMessage =
  | { readonly kind: 'greeting'; readonly greeting: QmpGreeting }
  | { readonly kind: 'event'; readonly event: QmpEvent }
  | { readonly kind: 'return'; readonly id?: unknown; readonly value: unknown }
  | { readonly kind: 'error'; readonly id?: unknown; readonly failure: QmpFailure; readonly reply: QmpArguments };

/** The `error` of a reply. */
export interface QmpFailure {
  readonly class?: string;
  readonly desc: string;
}

/**
 * Reads one line of a monitor's.
 *
 * @throws {@link QmpMalformedError} for what is no message. It does not quote the line: a terminal that echoes sends
 * arguments back.
 */
export function parseMessage(line: string): QmpMessage {
  return readMessage(parseObject(line));
}

/** Reads a line as a JSON object, of whatever members. */
export function parseObject(line: string): QmpArguments {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // V8's own error quotes what it could not read.
    throw new QmpMalformedError(`a line of ${line.length} characters came that is not JSON`);
  }
  if (isObject(value)) return value;
  throw new QmpMalformedError('a line of JSON came that is not an object');
}

/** Members are looked for, not their values: the answer to a command may be `""`, `0`, `false` or `null`. */
export function readMessage(message: QmpArguments): QmpMessage {
  const has = (member: string) => Object.hasOwn(message, member);
  const id = has('id') ? { id: message['id'] } : {};
  if (has('return') && !has('error')) return { kind: 'return', ...id, value: message['return'] };
  const { error: failure, event, QMP: greeting } = message;
  if (isFailure(failure) && !has('return')) return { kind: 'error', ...id, failure, reply: message };
  if (typeof event === 'string') return { kind: 'event', event: message as unknown as QmpEvent };
  if (isGreeting(greeting)) return { kind: 'greeting', greeting };
  throw new QmpMalformedError('a line of JSON came that is neither a reply nor an event');
}

function isFailure(value: unknown): value is QmpFailure {
  return (
    isObject(value) && typeof value['desc'] === 'string' && ['string', 'undefined'].includes(typeof value['class'])
  );
}

function isGreeting(value: unknown): value is QmpGreeting {
  if (!isObject(value) || !isObject(value['version']) || !Array.isArray(value['capabilities'])) return false;
  const { qemu } = value['version'];
  return (
    typeof value['version']['package'] === 'string' &&
    isObject(qemu) &&
    ['major', 'minor', 'micro'].every((part) => Number.isSafeInteger(qemu[part]))
  );
}

function isObject(value: unknown): value is QmpArguments {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
