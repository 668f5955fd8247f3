import { isToolError } from '../backup/error.js';
import { isCheckpointError } from '../core/error.js';
import { isQmpError } from '../qmp/error.js';
import { isStoreError } from '../store/error.js';
import type { Terminal } from './terminal.js';

/**
 * Tells a failure, a line for each thing that is wrong; with `json` as data too.
 *
 * @throws The error itself, where it is none of this library's and the user has not asked to stop.
 */
export function tellError(error: unknown, json: boolean, terminal: Terminal): void {
  if (isCheckpointError(error)) {
    for (const { text } of error.problems) terminal.complain(text);
    if (json) terminal.print(JSON.stringify({ problems: error.problems }));
    return;
  }
  const { kind, message } = describe(error, terminal.signal);
  for (const line of message.split('\n')) terminal.complain(line);
  if (json) terminal.print(JSON.stringify({ error: { kind, message } }));
}

function describe(error: unknown, signal: AbortSignal): { readonly kind: string; readonly message: string } {
  if (isQmpError(error) || isStoreError(error)) return error;
  if (isToolError(error)) return { kind: 'tool', message: error.message };
  if (signal.aborted && error === signal.reason && error instanceof Error) {
    return { kind: 'stopped', message: error.message };
  }
  throw error;
}
