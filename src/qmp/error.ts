import { type QmpErrorCode, qmpErrorCode } from './error-code.js';

const brand = Symbol.for('qemu-checkpoint.qmp-error');

/** What went wrong with a QMP session; `diverged` is a replayed one that was asked something else than was recorded. */
export type QmpErrorKind =
  | 'connect'
  | 'greeting'
  | 'command'
  | 'closed'
  | 'malformed'
  | 'diverged'
  | 'plan'
  | 'job'
  | 'guest-agent';

/**
 * Root of everything that can go wrong between this process and a monitor, or a guest agent. Argument values never stand in the message: they
 * may be secrets.
 */
export class QmpError extends Error {
  override readonly name: string = 'QmpError';
  /** Which of them it is, to branch on. */
  readonly kind: QmpErrorKind;

  constructor(kind: QmpErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** There is no connection: nobody listens there, or nobody may listen there. */
export class QmpConnectError extends QmpError {
  override readonly name = 'QmpConnectError';
  declare readonly kind: 'connect';

  constructor(message: string, options?: ErrorOptions) {
    super('connect', message, options);
  }
}

/** Something answers, but not as a monitor does that is ready for commands. */
export class QmpGreetingError extends QmpError {
  override readonly name = 'QmpGreetingError';
  declare readonly kind: 'greeting';

  constructor(message: string, options?: ErrorOptions) {
    super('greeting', message, options);
  }
}

/** QEMU refused a command. */
export class QmpCommandError extends QmpError {
  override readonly name = 'QmpCommandError';
  declare readonly kind: 'command';
  /** Name of the command, without its arguments. */
  readonly command: string;
  /** The whole reply, as it came. */
  readonly reply: unknown;
  /** QMP's error class. Nearly every failure is a `GenericError`: do not branch on it. */
  readonly errorClass: string;
  /** QEMU's own words. */
  readonly desc: string;
  /** What QEMU's words mean; absent where they are not known. */
  declare readonly code?: QmpErrorCode;

  /** @param failure - The `error` member of QEMU's reply; `reply` defaults to an envelope around it. */
  constructor(command: string, failure: { readonly class?: string; readonly desc: string }, reply?: unknown) {
    const { class: errorClass = 'GenericError', desc } = failure;
    super('command', `QEMU refused ${command}: ${desc}`);
    this.command = command;
    this.reply = reply ?? { error: { class: errorClass, desc } };
    this.errorClass = errorClass;
    this.desc = desc;
    const code = qmpErrorCode(desc);
    if (code !== undefined) this.code = code;
  }
}

/** The session has ended, whoever ended it: see the message and `cause`. */
export class QmpClosedError extends QmpError {
  override readonly name = 'QmpClosedError';
  declare readonly kind: 'closed';
  /** Name of the command that was not answered for it; absent where no command is concerned. */
  declare readonly command?: string;
  /** The command had been sent: QEMU may have run it or not, which only looking again will tell. */
  readonly mayHaveRun: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { readonly command?: string; readonly mayHaveRun?: boolean } = {},
  ) {
    const { command, mayHaveRun = false, ...rest } = options;
    super('closed', message, rest);
    if (command !== undefined) this.command = command;
    this.mayHaveRun = mayHaveRun;
  }
}

/**
 * What came is not QMP, or answers nothing that was asked. The session is of no use from there on and has been closed;
 * QEMU may have run the commands that this was thrown for or not.
 */
export class QmpMalformedError extends QmpError {
  override readonly name = 'QmpMalformedError';
  declare readonly kind: 'malformed';

  constructor(message: string, options?: ErrorOptions) {
    super('malformed', message, options);
  }
}

/** A replayed session was asked something else than its transcript has at that place. */
export class QmpDivergedError extends QmpError {
  override readonly name = 'QmpDivergedError';
  declare readonly kind: 'diverged';
  /** Line of the transcript, from 1: of the command that was expected, or the first one after its end. */
  readonly line: number;
  /** Name of the command that the transcript has there; absent at its end. */
  declare readonly expected?: string;
  /** Name of the command that was given. */
  readonly given: string;

  constructor(message: string, where: { readonly line: number; readonly expected?: string; readonly given: string }) {
    super('diverged', message);
    this.line = where.line;
    if (where.expected !== undefined) this.expected = where.expected;
    this.given = where.given;
  }
}

/**
 * Whether a caught value is a {@link QmpError}; its `kind` says which.
 *
 * Good across the ESM and CommonJS builds, whose classes differ: `instanceof` is not.
 */
export function isQmpError(value: unknown): value is QmpError {
  return value instanceof Error && brand in value;
}
