import type { QmpArguments } from './qmp-session.js';

/** A command as a monitor takes it: `JSON.stringify` makes the line. */
export interface QmpCommand {
  readonly execute: string;
  readonly arguments: QmpArguments;
}
