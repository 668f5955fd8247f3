/** The arguments of a QMP command, by their names. */
export type QmpArguments = { readonly [name: string]: unknown };

/**
 * A monitor that takes commands: all that running a plan needs. Yours can be one too.
 *
 * `execute` resolves to the `return` of the reply and rejects with a {@link QmpError}. When `signal` is aborted it rejects
 * with the signal's reason at once; **QEMU runs a command that was sent all the same**, only its reply is not waited for.
 */
export interface QmpSession {
  execute(command: string, args?: QmpArguments, options?: { readonly signal?: AbortSignal }): Promise<unknown>;
}
