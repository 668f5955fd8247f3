import type {
  BackupCancelAction,
  BitmapAction,
  Command,
  ExportAddAction,
  NodeAddAction,
  NodeReopenAction,
  TransactionAction,
} from '../core/action.js';
import type { NbdServer } from '../core/model/nbd-server.js';
import { formatJob } from './format-job.js';
import type { QmpCommand } from './qmp-command.js';
import type { QmpArguments } from './qmp-session.js';

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
    case 'node-reopen':
      return { execute: 'blockdev-reopen', arguments: { options: [reopenOptions(command)] } };
    case 'node-add':
      return { execute: 'blockdev-add', arguments: addOptions(command) };
    case 'node-remove':
      return { execute: 'blockdev-del', arguments: { 'node-name': command.nodeName } };
    case 'bitmaps-expect':
      return { execute: 'query-named-block-nodes', arguments: { flat: true } };
    case 'job-wait':
      return { execute: 'query-jobs', arguments: {} };
    case 'job-start':
      return formatJob(command.job);
    case 'job-complete':
    case 'job-finalize':
    case 'job-cancel':
    case 'job-dismiss':
      return { execute: command.kind, arguments: { id: command.job.jobId } };
    case 'backup-cancel':
      return formatTransaction(removalsIn(command));
    case 'nbd-server-start':
      return { execute: 'nbd-server-start', arguments: serverOptions(command.server) };
    case 'nbd-server-stop':
      return { execute: 'nbd-server-stop', arguments: {} };
    case 'export-add':
      return { execute: 'block-export-add', arguments: exportOptions(command) };
    case 'export-remove':
      // Else QEMU refuses as long as a client is connected.
      return { execute: 'block-export-del', arguments: { id: command.exportId, mode: 'hard' } };
  }
}

function reopenOptions({ nodeName, format, readOnly, fileNodeName, backingNodeName, options }: NodeReopenAction) {
  return {
    ...options,
    driver: format,
    'node-name': nodeName,
    ...(readOnly && { 'read-only': true }),
    file: fileNodeName,
    ...(backingNodeName !== undefined && { backing: backingNodeName }),
  };
}

function addOptions({ nodeName, format, fileNodeName, backingNodeName, options }: NodeAddAction) {
  return {
    ...options,
    driver: format,
    'node-name': nodeName,
    ...(fileNodeName !== undefined && { file: fileNodeName }),
    ...(backingNodeName !== undefined && { backing: backingNodeName }),
  };
}

/** The removals that end a backup, once its jobs are gone. */
export function removalsIn({ bitmaps }: BackupCancelAction): readonly BitmapAction[] {
  return bitmaps.map((bitmap) => ({ kind: 'bitmap-remove', ...bitmap }));
}

function serverOptions(server: NbdServer) {
  if (server.type === 'unix') return { addr: { type: 'unix', data: { path: server.path } } };
  const { host, port, tlsCreds, tlsAuthz } = server;
  return {
    addr: { type: 'inet', data: { host, port: String(port) } },
    ...(tlsCreds !== undefined && { 'tls-creds': tlsCreds }),
    ...(tlsAuthz !== undefined && { 'tls-authz': tlsAuthz }),
  };
}

function exportOptions({ exportId: id, nodeName, exportName: name, bitmap, bitmapNodeName }: ExportAddAction) {
  const asked = bitmapNodeName === undefined ? bitmap : { node: bitmapNodeName, name: bitmap };
  return { type: 'nbd', id, 'node-name': nodeName, name, ...(bitmap !== undefined && { bitmaps: [asked] }) };
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
    case 'snapshot-take':
      return { type: 'blockdev-snapshot', data: { node: action.nodeName, overlay: action.overlayNodeName } };
    case 'backup-start':
      return { type: 'blockdev-backup', data: formatJob(action.job).arguments };
    case 'bitmap-remove':
    case 'bitmap-clear':
    case 'bitmap-enable':
    case 'bitmap-disable':
      return { type: `block-dirty-${action.kind}`, data: { node: action.nodeName, name: action.bitmap } };
  }
}
