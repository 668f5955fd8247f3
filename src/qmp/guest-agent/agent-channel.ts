import { createConnection } from 'node:net';
import { describeAddress, type ParsedAddress } from '../session/address.js';
import { parseMessage, type QmpMessage } from '../session/message.js';
import { onAbort } from '../session/on-abort.js';
import { GuestAgentError, type GuestAgentErrorCode } from './agent-error.js';
import { agentLines, sentinel } from './agent-lines.js';

/** A connection to a guest agent. */
export interface AgentChannel {
  /**
   * Sends a command and waits for its answer; one at a time.
   *
   * @throws {@link GuestAgentError}; the signal's reason. The agent may do what it was told all the same.
   */
  execute(command: string, limits: AgentLimits): Promise<unknown>;
  close(): void;
}

/** How long an answer is waited for. */
export interface AgentLimits {
  readonly seconds: number;
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly command: string;
  /** What the agent has to echo before it answers; absent where it is known to be in step. */
  syncId: number | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (failure: unknown) => void;
}

/**
 * Opens one. An agent does not greet, has no ids, and tells whoever is there what another had asked: so the first command, and
 * each one after an answer that did not come, goes out behind a `guest-sync-delimited`, and all that comes before its echo is
 * passed over.
 */
export function agentChannel(address: ParsedAddress): AgentChannel {
  const where = describeAddress(address);
  const stream = createConnection(address);
  const lines = agentLines();
  let isConnected = false;
  let isInStep = false;
  let end: { readonly code: GuestAgentErrorCode; readonly why: string } | undefined;
  let pending: Pending | undefined;

  function finish(code: GuestAgentErrorCode, why: string): void {
    end ??= { code, why };
    stream.destroy();
    pending?.reject(failureOf(pending.command, end));
  }

  function failureOf(command: string, { code, why }: NonNullable<typeof end>): GuestAgentError {
    const what = code === 'guest-agent-unreachable' ? 'cannot connect to' : `${command} got no answer from`;
    return new GuestAgentError(code, `${what} the guest agent at ${where}: ${why}`);
  }

  function silence(command: string, seconds: number): GuestAgentError {
    const why = `nothing came within ${seconds} s; it may not run, be busy, or serve another client`;
    return failureOf(command, { code: 'guest-agent-silent', why });
  }

  function receive(line: string): void {
    if (pending === undefined) return;
    if (pending.syncId !== undefined) {
      if (isEcho(line, pending.syncId)) pending.syncId = undefined;
      return;
    }
    const message = parseMessage(line);
    isInStep = true;
    if (message.kind === 'return') pending.resolve(message.value);
    else if (message.kind === 'error') pending.reject(refusal(where, pending.command, message));
  }

  stream.on('connect', () => {
    isConnected = true;
  });
  stream.on('data', (bytes: Buffer) => {
    if (bytes.toString('latin1').startsWith('{"QMP"')) finish('guest-agent-malformed', 'a QMP monitor listens there');
    try {
      for (const line of lines(bytes)) receive(line);
    } catch (cause) {
      finish('guest-agent-malformed', (cause as Error).message);
    }
  });
  stream.on('close', () => finish('guest-agent-closed', 'it closed the connection'));
  stream.on('error', ({ message }) => finish(isConnected ? 'guest-agent-closed' : 'guest-agent-unreachable', message));

  return {
    async execute(command, { seconds, signal }) {
      signal?.throwIfAborted();
      if (end !== undefined) throw failureOf(command, end);
      const syncId = isInStep ? undefined : Math.floor(Math.random() * 2 ** 48);
      isInStep = false;
      const answer = new Promise((resolve, reject) => {
        pending = { command, syncId, resolve, reject };
      });
      const timer = setTimeout(() => pending?.reject(silence(command, seconds)), seconds * 1000);
      const forgetSignal = onAbort(signal, (reason) => pending?.reject(reason));
      stream.write(syncId === undefined ? lineOf(command) : syncLine(syncId, command));
      try {
        return await answer;
      } finally {
        clearTimeout(timer);
        forgetSignal();
        pending = undefined;
      }
    },
    close: () => finish('guest-agent-closed', 'this side closed the connection'),
  };
}

function refusal(
  where: string,
  command: string,
  { failure }: QmpMessage & { readonly kind: 'error' },
): GuestAgentError {
  return new GuestAgentError('guest-agent-refused', `the guest agent at ${where} refused ${command}: ${failure.desc}`);
}

/** Whatever else comes, in whatever form, is meant for someone else. */
function isEcho(line: string, syncId: number): boolean {
  try {
    const message = parseMessage(line);
    return message.kind === 'return' && message.value === syncId;
  } catch {
    return false;
  }
}

function lineOf(command: string, args?: object): string {
  return `${JSON.stringify({ execute: command, arguments: args })}\n`;
}

/** The sentinel makes an agent forget the part of a command that another client has left. */
function syncLine(id: number, command: string): Buffer {
  const text = `${lineOf('guest-sync-delimited', { id })}${lineOf(command)}`;
  return Buffer.concat([Buffer.of(sentinel), Buffer.from(text)]);
}
