import type { QmpArguments, QmpConnection } from '../../../src/live.js';

/** What is done to the commands of a session on their way. */
export interface Interference {
  /** Before a command is sent; what it throws is thrown to whoever gave the command. */
  readonly before?: (command: string, args: QmpArguments) => Promise<unknown> | undefined;
  /** When it was answered, before anyone knows. */
  readonly after?: (command: string, args: QmpArguments) => Promise<unknown> | undefined;
  /** Other arguments to be sent in their place. */
  readonly rewrite?: (command: string, args: QmpArguments) => QmpArguments | undefined;
}

/** A session in which something happens just before or after a command, at no other time. */
export function interferingSession(session: QmpConnection, { before, after, rewrite }: Interference): QmpConnection {
  return {
    ...session,
    async execute(command, args, options) {
      await before?.(command, args ?? {});
      const reply = await session.execute(command, rewrite?.(command, args ?? {}) ?? args, options);
      await after?.(command, args ?? {});
      return reply;
    },
  };
}

/** What is to be done at the first command of a name, and not again. */
export function once(command: string, act: () => Promise<unknown>): NonNullable<Interference['before']> {
  let isDone = false;
  return (given) => {
    if (given !== command || isDone) return undefined;
    isDone = true;
    return act();
  };
}
