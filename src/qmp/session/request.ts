import type { QmpArguments } from '../qmp-session.js';
import { invalidArgument } from './invalid-argument.js';

/** A command under way, and the line that carries it. */
export interface QmpRequest {
  readonly id: number;
  readonly command: string;
  readonly args: QmpArguments | undefined;
  readonly line: string;
}

/**
 * Writes a command as a line. QEMU reads it byte by byte, so there is none too many.
 *
 * @throws {@link CheckpointError} with `invalid-input` for what is no command, cannot be written as JSON, or holds
 * characters at which QEMU's reader stumbles: it would answer without saying whom.
 */
export function formatRequest(id: number, command: string, args: QmpArguments | undefined): QmpRequest {
  if (typeof command !== 'string' || command === '') throw invalidArgument('command', 'must be the name of a command');
  if (args !== undefined && (typeof args !== 'object' || args === null || Array.isArray(args))) {
    throw invalidArgument(`arguments of ${command}`, 'must be an object');
  }
  return { id, command, args, line: `${lineOf(id, command, args)}\n` };
}

function lineOf(id: number, command: string, args: QmpArguments | undefined): string {
  let line: string;
  try {
    line = JSON.stringify({ execute: command, arguments: args, id });
  } catch (cause) {
    throw invalidArgument(`arguments of ${command}`, 'must be such that JSON can hold them', { cause });
  }
  if (isReadableByQemu(line)) return line;
  throw invalidArgument(`arguments of ${command}`, 'must hold no lone surrogates and no noncharacters such as U+FFFF');
}

/** In JSON lone surrogates, and only they, are written as escapes of that form; the backslash must not be escaped itself. */
function isReadableByQemu(line: string): boolean {
  return !/\p{Noncharacter_Code_Point}|(?<!\\)(?:\\\\)*\\ud[89a-f]/u.test(line);
}
