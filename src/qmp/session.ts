import { tracingChannel } from 'node:diagnostics_channel';
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { debuglog } from 'node:util';
import { isQmpError, QmpConnectError, type QmpError, QmpGreetingError } from './error.js';
import type { QmpConnection, QmpGreeting } from './qmp-connection.js';
import { describeAddress, parseAddress, type QmpAddress } from './session/address.js';
import { invalidArgument } from './session/invalid-argument.js';
import { onAbort } from './session/on-abort.js';
import type { SessionCore } from './session/session-core.js';
import { speakQmp } from './session/speak-qmp.js';

/** How a session is opened. */
export interface ConnectOptions {
  /** Gives up, with the signal's reason. Once the session is open the signal means nothing more. */
  readonly signal?: AbortSignal;
  /** How long opening may take in all; default 10. */
  readonly greetingTimeoutSeconds?: number;
}

const commands = tracingChannel('qemu-checkpoint:qmp.command');
const debug = debuglog('qemu-checkpoint');

/**
 * Opens a session with a monitor: connects, waits for its greeting and takes up its capabilities.
 *
 * Commands go out in the order they are given, thousands may be under way, and each answer finds its command by an id. The
 * session holds no more than 64 MiB of an unfinished message. What is not QMP ends it.
 *
 * A monitor serves one client at a time and keeps the others waiting without a word, hence the limit of time.
 *
 * Each command is told on `tracingChannel('qemu-checkpoint:qmp.command')` of `node:diagnostics_channel`, by its name and
 * without arguments; `NODE_DEBUG=qemu-checkpoint` writes the same to standard error.
 *
 * @param address - See {@link QmpAddress}; or a stream that is connected and not yet read from, which goes with the session.
 * @throws {@link QmpConnectError} where there is no connection; {@link QmpGreetingError} where what answers is no monitor, or
 * keeps silent; {@link CheckpointError} with `invalid-input` for what is no address; the signal's reason.
 * @example
 * ```ts
 * await using session = await connect('/run/vm.qmp');
 * session.greeting.version.qemu.major; // 10
 * await session.execute('query-version'); // { qemu: { major: 10, … }, package: '' }
 * ```
 */
export async function connect(address: QmpAddress | Duplex, options: ConnectOptions = {}): Promise<QmpConnection> {
  const { signal, greetingTimeoutSeconds: seconds = 10 } = options;
  if (typeof seconds !== 'number' || !(seconds > 0)) {
    throw invalidArgument('options.greetingTimeoutSeconds', 'must be a number above 0');
  }
  signal?.throwIfAborted();
  const { stream, opening } = openStream(address);
  const { core, greeted } = speakQmp(stream);
  // A timer takes no more than 24 days.
  const timer = setTimeout(() => core.end(silence(opening, seconds)), Math.min(seconds * 1000, 2 ** 31 - 1));
  const forgetSignal = onAbort(signal, () => void core.close());
  try {
    const greeting = await Promise.race([greeted, endOf(core)]);
    await core.execute('qmp_capabilities');
    debug('%s: ready, QEMU %o', opening.where, greeting.version);
    return openConnection(core, greeting, opening.where);
  } catch (error) {
    await core.close();
    signal?.throwIfAborted();
    throw openingError(opening, error);
  } finally {
    clearTimeout(timer);
    forgetSignal();
  }
}

interface Opening {
  readonly where: string;
  connected: boolean;
}

function openStream(address: QmpAddress | Duplex): { readonly stream: Duplex; readonly opening: Opening } {
  if (isStream(address)) return { stream: address, opening: { where: 'the given stream', connected: true } };
  const parsed = parseAddress(address);
  const opening = { where: describeAddress(parsed), connected: false };
  // Commands are small, and a host that went away must be noticed.
  const stream = createConnection({ ...parsed, noDelay: true, keepAlive: true });
  stream.once('connect', () => {
    opening.connected = true;
  });
  return { stream, opening };
}

function isStream(address: QmpAddress | Duplex): address is Duplex {
  return typeof address === 'object' && address !== null && 'pipe' in address && 'write' in address;
}

async function endOf({ closed }: SessionCore): Promise<never> {
  throw await closed;
}

function silence({ where, connected }: Opening, seconds: number): QmpError {
  if (!connected) return new QmpConnectError(`cannot connect to ${where}: no answer within ${seconds} s`);
  return new QmpGreetingError(
    `${where} did not greet within ${seconds} s: another client may hold this monitor, which serves one at a time`,
  );
}

function openingError({ where, connected }: Opening, cause: unknown): unknown {
  if (!isQmpError(cause) || cause.kind === 'connect' || cause.kind === 'greeting') return cause;
  if (!connected) return new QmpConnectError(`cannot connect to ${where}: ${rootOf(cause).message}`, { cause });
  const { message } = cause;
  const isOther = cause.kind === 'malformed';
  return new QmpGreetingError(
    isOther
      ? `${where} is no QMP monitor (${message}): it takes -qmp, or mode=control and no pretty=on`
      : `${where} opened no session: ${message}`,
    { cause },
  );
}

/** What the system says, where it is known. */
function rootOf(error: QmpError): Error {
  return error.cause instanceof Error ? error.cause : error;
}

function openConnection(core: SessionCore, greeting: QmpGreeting, where: string): QmpConnection {
  const { events, closed, close } = core;
  void closed.then((reason) => debug('%s: closed, %s', where, reason?.message ?? 'by this side'));
  return {
    greeting,
    execute(command, args, options) {
      debug('%s: %s', where, command);
      return commands.tracePromise(() => core.execute(command, args, options), { command });
    },
    events,
    closed,
    close,
    [Symbol.asyncDispose]: close,
  };
}
