// Restore backups, and see that they can be

export { readManifests, writeManifest } from './manifest-files.js';
export { restoreBackup } from './restore.js';
export { verifyBackupFiles } from './verify-files.js';

// What can go wrong

export { isToolError, ToolError } from './error.js';

// Types

export type { CheckOptions } from './check-file.js';
export type { FoundManifests } from './manifest-files.js';
export type { ImageTools } from './read-export.js';
export type { RestoreOptions, RestoreProgress } from './restore.js';
export type { VerifyOptions, VerifyProgress } from './verify-files.js';
