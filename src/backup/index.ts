// Make backups

export { makeBackup } from './make-backup.js';
export { readExport } from './read-export.js';
export { recoverBackup } from './recover-backup.js';
export { runBackup } from './run-backup.js';

// Restore them, and see that they can be

export { readManifests, writeManifest } from './manifest-files.js';
export { restoreBackup } from './restore.js';
export { verifyBackupFiles } from './verify-files.js';

// What can go wrong

export { BackupError, isBackupError, isToolError, ToolError } from './error.js';

// Types

export type { CheckOptions } from './check-file.js';
export type { BackupProgress, WrittenFile } from './copy-outcome.js';
export type { DiskFailure } from './error.js';
export type { BackupExport } from './export-source.js';
export type { BackupReport, MakeBackupOptions, MakeBackupRequest } from './make-backup.js';
export type { FoundManifests } from './manifest-files.js';
export type { ReadExport } from './read-copies.js';
export type { ImageTools, ReadExportOptions } from './read-export.js';
export type { RemovedCheckpoint } from './remove-dead-bitmaps.js';
export type { Rescued } from './rescue-bases.js';
export type { RestoreOptions, RestoreProgress } from './restore.js';
export type { Kept, RunBackupOptions } from './run-backup.js';
export type { VerifyOptions, VerifyProgress } from './verify-files.js';
