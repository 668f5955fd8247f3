// Read what QEMU says

export { parseBlockNodes } from './parse-block-nodes.js';
export { resolveBackingChain } from './resolve-backing-chain.js';

// Spell what is planned

export { formatCommand, formatTransaction } from './format-command.js';

// Sessions

export { scriptedSession } from './scripted-session.js';

// What can go wrong

export { isQmpError, QmpCommandError, QmpError } from './error.js';

// Types

export type { QmpErrorKind } from './error.js';
export type { QmpTransactionAction } from './format-command.js';
export type { QmpCommand } from './qmp-command.js';
export type { QmpArguments, QmpSession } from './qmp-session.js';
export type { ScriptedCall } from './scripted-session.js';
