/** What keeps a disk from being backed up, or a backup from being based on a checkpoint: the codes and their fields. */
export type BackupProblemDetails =
  // What it is to be based on
  | { readonly code: 'checkpoint-provisional'; readonly checkpoint: string }
  | {
      readonly code: 'disk-not-in-checkpoint' | 'backup-missing';
      readonly diskTarget: string;
      readonly checkpoint: string;
    }
  | { readonly code: 'backup-base-lacking'; readonly diskTarget: string }
  | {
      readonly code: 'bitmap-size-differs';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly bitmap: string;
      readonly virtualSize: number;
      readonly expectedSize: number;
    }
  // What it is to be written to, and read from
  | { readonly code: 'backup-without-disks' | 'backup-running' }
  | { readonly code: 'image-not-qcow2'; readonly diskTarget: string; readonly needed: 'incremental' | 'scratch' }
  | { readonly code: 'export-name-taken'; readonly diskTarget: string; readonly exportName: string }
  | { readonly code: 'snapshot-may-break' | 'fleecing-unused'; readonly diskTarget: string }
  | { readonly code: 'server-needed' | 'server-unused' }
  | { readonly code: 'server-plain'; readonly host: string };
