/** A command that was not answered yet. */
export interface PendingCommand {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (failure: unknown) => void;
}

/** Commands by the ids under which their answers come. */
export interface PendingCommands {
  /** @returns What the answer will be. */
  add(id: number, command: string): Promise<unknown>;
  /** The command of an answer, which is then no longer pending; `undefined`: the id is not known. */
  take(id: unknown): PendingCommand | undefined;
  /** The only command there is; `undefined` where there are none, or several. */
  takeOnly(): PendingCommand | undefined;
  /** Rejects a command whose answer is still to come: until then its id is known. */
  abandon(id: number, reason: unknown): void;
  /** Takes all that there are, oldest first. */
  takeAll(): readonly (readonly [id: number, pending: PendingCommand])[];
}

/** Makes an empty table. */
export function pendingCommands(): PendingCommands {
  const table = new Map<number, PendingCommand>();

  function take(id: unknown): PendingCommand | undefined {
    const pending = table.get(id as number);
    table.delete(id as number);
    return pending;
  }

  return {
    add: (id, command) => new Promise((resolve, reject) => table.set(id, { command, resolve, reject })),
    take,
    takeOnly: () => (table.size === 1 ? take([...table.keys()][0]) : undefined),
    // A promise settles once: the answer, when it comes, is lost on this one.
    abandon: (id, reason) => table.get(id)?.reject(reason),
    takeAll() {
      const all = [...table];
      table.clear();
      return all;
    },
  };
}
