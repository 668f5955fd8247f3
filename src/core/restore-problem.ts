/** What keeps a backup from being restored: the codes and their fields. */
export type RestoreProblemDetails =
  // Manifests
  | { readonly code: 'manifest-version-unknown'; readonly subject: string; readonly version: string }
  | { readonly code: 'backup-duplicate' | 'backup-not-found'; readonly backup: string }
  | { readonly code: 'backup-disk-not-found'; readonly backup: string; readonly diskTarget: string }
  | { readonly code: 'domains-mixed'; readonly domains: readonly string[] }
  | {
      readonly code: 'backup-checkpoint-duplicate';
      readonly checkpoint: string;
      readonly creationTimeSeconds: number;
      readonly backups: readonly string[];
    }
  // What a backup of one disk builds on
  | {
      readonly code: 'backup-base-missing';
      readonly backup: string;
      readonly diskTarget: string;
      readonly checkpoint: string;
      readonly creationTimeSeconds: number;
      readonly reason: 'no-backup' | 'other-checkpoint' | 'not-on-disk';
    }
  | {
      readonly code: 'backup-base-ambiguous';
      readonly backup: string;
      readonly diskTarget: string;
      readonly checkpoint: string;
      readonly creationTimeSeconds: number;
      readonly backups: readonly string[];
    }
  | {
      readonly code: 'backup-base-loop';
      readonly backup: string;
      readonly diskTarget: string;
      readonly baseBackup: string;
    }
  // Its file
  | {
      readonly code: 'backup-file-shared';
      readonly backup: string;
      readonly diskTarget: string;
      readonly filename: string;
      readonly otherBackup: string;
      readonly otherDiskTarget: string;
    }
  | { readonly code: 'backup-overwritten'; readonly filename: string; readonly backup: string }
  // What is found in folders
  | {
      readonly code: 'backup-folder-not-found' | 'manifest-exists' | 'image-exists';
      readonly filename: string;
    }
  | { readonly code: 'manifest-damaged'; readonly filename: string; readonly reason: string }
  | {
      readonly code: 'backup-file-missing';
      readonly backup: string;
      readonly diskTarget: string;
      readonly filename: string;
    }
  | {
      readonly code: 'backup-file-damaged';
      readonly backup: string;
      readonly diskTarget: string;
      readonly filename: string;
      readonly reason: string;
    }
  | {
      readonly code: 'backup-file-differs';
      readonly backup: string;
      readonly diskTarget: string;
      readonly filename: string;
      readonly what: 'virtual-size' | 'sha256';
      readonly found: string;
      readonly expected: string;
    };
