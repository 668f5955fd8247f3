import type { Command, TransactionAction } from '../core/action.js';
import type { QmpArguments } from './qmp-session.js';

/** A command as a monitor takes it: `JSON.stringify` makes the line. */
export interface QmpCommand {
  readonly execute: string;
  readonly arguments: QmpArguments;
}

/**
 * Spells actions as one QMP `transaction`.
 *
 * QEMU reads a request byte by byte, and that is most of the time of a create: no member is written that stands at its
 * default in QMP.
 *
 * @example
 * ```ts
 * JSON.stringify(formatTransaction([{ kind: 'bitmap-remove', nodeName: 'vda-active', bitmap: 'monday' }]));
 * // '{"execute":"transaction","arguments":{"actions":[{"type":"block-dirty-bitmap-remove","data":{"node":"vda-active","name":"monday"}}]}}'
 * ```
 * @see QEMU `transaction`, `TransactionAction`
 */
export function formatTransaction(actions: readonly TransactionAction[]): {
  readonly execute: 'transaction';
  readonly arguments: { readonly actions: readonly QmpTransactionAction[] };
} {
  return { execute: 'transaction', arguments: { actions: actions.map(formatAction) } };
}

/**
 * Spells the command of a step, or its undo, in QMP.
 *
 * @example
 * ```ts
 * const { steps } = planDeleteCheckpoint(domain, 'tuesday');
 * steps.map(({ command }) => formatCommand(command).execute); // ['transaction']
 * ```
 * @see QEMU `transaction`, `blockdev-reopen`
 */
export function formatCommand(command: Command): QmpCommand {
  switch (command.kind) {
    case 'transaction':
      return formatTransaction(command.actions);
    case 'node-reopen': {
      const { nodeName, format, readOnly, fileNodeName, backingNodeName, options } = command;
      const node = {
        ...options,
        driver: format,
        'node-name': nodeName,
        ...(readOnly && { 'read-only': true }),
        file: fileNodeName,
        ...(backingNodeName !== undefined && { backing: backingNodeName }),
      };
      return { execute: 'blockdev-reopen', arguments: { options: [node] } };
    }
  }
}

/** One action of a QMP `transaction`. */
export interface QmpTransactionAction {
  readonly type: string;
  readonly data: QmpArguments;
}

function formatAction(action: TransactionAction): QmpTransactionAction {
  switch (action.kind) {
    case 'bitmap-add': {
      const { nodeName, bitmap, persistent, recording, granularity } = action;
      const data: Record<string, unknown> = { node: nodeName, name: bitmap };
      if (persistent) data['persistent'] = true;
      // QMP says `disabled`; everywhere else it is `recording`.
      if (!recording) data['disabled'] = true;
      if (granularity !== undefined) data['granularity'] = granularity;
      return { type: 'block-dirty-bitmap-add', data };
    }
    case 'bitmap-merge': {
      const bitmaps = action.sources.map(({ nodeName: node, bitmap: name }) => ({ node, name }));
      return { type: 'block-dirty-bitmap-merge', data: { node: action.nodeName, target: action.intoBitmap, bitmaps } };
    }
    case 'bitmap-remove':
    case 'bitmap-clear':
    case 'bitmap-enable':
    case 'bitmap-disable':
      return { type: `block-dirty-${action.kind}`, data: { node: action.nodeName, name: action.bitmap } };
  }
}
