import { QmpClosedError, QmpCommandError, type QmpError, QmpMalformedError } from '../error.js';
import type { QmpConnection } from '../qmp-connection.js';
import type { QmpEvent } from '../qmp-event.js';
import type { QmpMessage } from './message.js';
import { onAbort } from './on-abort.js';
import { type PendingCommand, pendingCommands } from './pending-commands.js';
import { formatRequest, type QmpRequest } from './request.js';
import { sessionEvents } from './session-events.js';

/** What brings commands to whoever answers them. */
export interface Transport {
  /** The answer comes by {@link SessionCore.receive}, `resolve` or `reject`, or is given up when the signal is aborted. */
  send(request: QmpRequest, signal?: AbortSignal): void;
  /** Takes a command back that has not left yet; `false` where it has. */
  withdraw(id: number): boolean;
  /** Called once, when the session has ended; settles when nothing is held open. */
  close(): Promise<void>;
}

/** A session without a greeting, and the side that answers it. */
export interface SessionCore extends Omit<QmpConnection, 'greeting'> {
  receive(message: QmpMessage): void;
  resolve(id: number, value: unknown): void;
  reject(id: number, failure: unknown): void;
  publish(event: QmpEvent): void;
  /** Ends the session for another reason than `close()`. */
  end(reason: QmpError): void;
}

/**
 * Makes what all sessions have in common, however commands travel: ids, answers in any order, abort, events and the end.
 *
 * A monitor answers what a client had asked that is gone, killed say, to the one who comes next. So until the first command
 * of this session is answered, answers to others are passed over; and ids must not begin where another client's did, or
 * such an answer would be taken for one's own.
 *
 * @param idsAfter - Ids count up from here.
 */
export function sessionCore(transport: Transport, idsAfter = 0): SessionCore {
  const pending = pendingCommands();
  const events = sessionEvents();
  let lastId = idsAfter;
  let isAnswered = false;
  let ended: { readonly reason?: QmpError; readonly closing: Promise<void> } | undefined;
  let settleClosed: (reason: QmpError | undefined) => void;
  const closed = new Promise<QmpError | undefined>((resolve) => {
    settleClosed = resolve;
  });

  const execute: QmpConnection['execute'] = async (command, args, { signal } = {}) => {
    signal?.throwIfAborted();
    const request = formatRequest(lastId + 1, command, args);
    if (ended !== undefined) throw notSent(command, ended.reason);
    const { id } = request;
    lastId = id;
    const answer = pending.add(id, command);
    const forgetSignal = onAbort(signal, (reason) => {
      if (transport.withdraw(id)) pending.take(id)?.reject(reason);
      else pending.abandon(id, reason);
    });
    transport.send(request, signal);
    try {
      return await answer;
    } finally {
      forgetSignal();
    }
  };

  function receive(message: QmpMessage): void {
    switch (message.kind) {
      case 'event':
        events.publish(message.event);
        break;
      case 'return':
        answered(message)?.resolve(message.value);
        break;
      case 'error': {
        const { failure, reply } = message;
        const command = answered(message);
        command?.reject(new QmpCommandError(command.command, failure, reply));
        break;
      }
      case 'greeting':
        end(new QmpMalformedError('a second greeting came: the monitor was opened anew behind this session'));
    }
  }

  function answered(message: { readonly kind: 'return' | 'error'; readonly id?: unknown }): PendingCommand | undefined {
    // QEMU leaves the id out where it could not read the command.
    const isNameless = message.kind === 'error' && message.id === undefined;
    const command = isNameless ? pending.takeOnly() : pending.take(message.id);
    if (command !== undefined) isAnswered = true;
    else if (isAnswered) {
      end(new QmpMalformedError(`a reply came ${isNameless ? 'without an id' : 'with an id that no command has'}`));
    }
    return command;
  }

  function end(reason?: QmpError): void {
    if (ended !== undefined) return;
    const unanswered = pending.takeAll().map(([id, command]) => ({ ...command, unsent: transport.withdraw(id) }));
    ended = { ...(reason !== undefined && { reason }), closing: transport.close() };
    for (const { command, reject, unsent } of unanswered) {
      reject(unsent ? notSent(command, reason) : notAnswered(command, reason));
    }
    events.end(reason);
    settleClosed(reason);
  }

  async function close(): Promise<void> {
    end();
    await ended?.closing;
  }

  return {
    execute,
    events: events.subscribe,
    closed,
    close,
    [Symbol.asyncDispose]: close,
    receive,
    resolve: (id, value) => pending.take(id)?.resolve(value),
    reject: (id, failure) => pending.take(id)?.reject(failure),
    publish: events.publish,
    end,
  };
}

function notSent(command: string, reason: QmpError | undefined): QmpClosedError {
  const why = reason?.message ?? 'the session was closed';
  return new QmpClosedError(`${command} was not sent: ${why}`, { command, ...causedBy(reason) });
}

function notAnswered(command: string, reason: QmpError | undefined): QmpError {
  if (reason !== undefined && reason.kind !== 'closed') return reason;
  const why = reason?.message ?? 'the session was closed';
  const message = `${command} was not answered: ${why}; QEMU may have run it or not, so look again`;
  return new QmpClosedError(message, { command, mayHaveRun: true, ...causedBy(reason) });
}

function causedBy(cause: QmpError | undefined): ErrorOptions {
  return cause === undefined ? {} : { cause };
}
