import type { Command, TransactionAction } from '../action.js';

/**
 * Whether a command chooses the instant that something of the guest's is kept from: a checkpoint begins, a snapshot is taken, or a
 * backup starts. What is on the disks just then is what will be restored, so a guest may want to be ready for it.
 *
 * A bitmap that gets what others hold goes on with a checkpoint that began before; one that is temporary or not recording
 * begins none; and what removes, empties or merges keeps nothing.
 */
export function setsInstant(command: Command): boolean {
  if (command.kind !== 'transaction') return false;
  const { actions } = command;
  const filled = new Set(
    actions.flatMap((action) => (action.kind === 'bitmap-merge' ? [keyOf(action.nodeName, action.intoBitmap)] : [])),
  );
  return actions.some((action) => beginsSomething(action, filled));
}

function beginsSomething(action: TransactionAction, filled: ReadonlySet<string>): boolean {
  switch (action.kind) {
    case 'snapshot-take':
    case 'backup-start':
      return true;
    case 'bitmap-add':
      return action.persistent && action.recording && !filled.has(keyOf(action.nodeName, action.bitmap));
    case 'bitmap-remove':
    case 'bitmap-clear':
    case 'bitmap-enable':
    case 'bitmap-disable':
    case 'bitmap-merge':
      return false;
  }
}

function keyOf(nodeName: string, bitmap: string): string {
  return JSON.stringify([nodeName, bitmap]);
}
