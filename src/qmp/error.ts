const brand = Symbol.for('qemu-checkpoint.qmp-error');

/** What went wrong with a QMP session. The tree: connect, greeting, command, closed, malformed. */
export type QmpErrorKind = 'connect' | 'greeting' | 'command' | 'closed' | 'malformed';

/**
 * Root of everything that can go wrong between this process and a monitor. Argument values never stand in the message: they
 * may be secrets.
 */
export class QmpError extends Error {
  override readonly name: string = 'QmpError';
  /** Which of the five it is, to branch on. */
  readonly kind: QmpErrorKind;

  constructor(kind: QmpErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    Object.defineProperty(this, brand, { value: true });
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

  /** @param failure - The `error` member of QEMU's reply; `reply` defaults to an envelope around it. */
  constructor(command: string, failure: { readonly class?: string; readonly desc: string }, reply?: unknown) {
    const { class: errorClass = 'GenericError', desc } = failure;
    super('command', `QEMU refused ${command}: ${desc}`);
    this.command = command;
    this.reply = reply ?? { error: { class: errorClass, desc } };
    this.errorClass = errorClass;
    this.desc = desc;
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
