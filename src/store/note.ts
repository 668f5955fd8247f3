import * as z from 'zod';
import { isCheckpointError } from '../core/error.js';
import { parseWith } from '../core/model/parse-with.js';
import { StoreError } from './error.js';
import { statementOf } from './record.js';

const version = 1;

/** What a file of the store holds that notes something which was begun. */
export function noteText(content: { readonly [member: string]: unknown }): string {
  return `${JSON.stringify({ version, ...content }, undefined, 2)}\n`;
}

/**
 * Reads such a file.
 *
 * @throws {@link StoreError} `damaged`, `version-unknown`.
 */
export function parseNote<T>(path: string, bytes: Uint8Array, member: string, parse: (input: unknown) => T): T {
  try {
    const content = parseWith(noteSchema, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), 'file');
    if (content.version !== version) {
      throw new StoreError({ kind: 'version-unknown', path, version: JSON.stringify(content.version) });
    }
    return parse(content[member]);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const reason = isCheckpointError(cause) ? statementOf(cause) : (cause as Error).message;
    throw new StoreError({ kind: 'damaged', path, reason }, { cause });
  }
}

const noteSchema = z.looseObject({ version: z.json() });
