/** What keeps a bitmap from being made, removed or used: the codes and their fields. */
export type BitmapProblemDetails =
  // What QEMU would refuse, or take and lose
  | {
      readonly code: 'format-unsupported';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly format: string;
    }
  | {
      readonly code: 'qcow2-version-unsupported' | 'node-read-only';
      readonly diskTarget: string;
      readonly nodeName: string;
    }
  | {
      readonly code: 'node-not-reopenable';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly missing: 'name' | 'file-node' | 'writable-file' | 'backing-node';
    }
  | { readonly code: 'node-left-writable'; readonly diskTarget: string; readonly nodeName: string }
  | {
      readonly code: 'node-shared';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly otherDiskTarget: string;
    }
  | { readonly code: 'bitmap-name-invalid'; readonly diskTarget: string; readonly bitmap: string }
  | { readonly code: 'granularity-invalid'; readonly diskTarget: string; readonly granularity: number }
  | {
      readonly code: 'bitmap-exists';
      readonly diskTarget?: string;
      readonly nodeName: string;
      readonly bitmap: string;
      readonly inconsistent: boolean;
    }
  | {
      readonly code: 'bitmap-claimed';
      readonly diskTarget: string;
      readonly bitmap: string;
      readonly checkpoint: string;
    }
  | { readonly code: 'bitmap-busy'; readonly diskTarget: string; readonly nodeName: string; readonly bitmap: string }
  | {
      readonly code: 'too-many-bitmaps' | 'bitmap-directory-full';
      readonly diskTarget: string;
      readonly nodeName: string;
    }
  | {
      readonly code: 'bitmap-too-large';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly granularity: number;
      readonly smallestGranularity: number;
    }
  // Why a checkpoint's bitmaps on a chain cannot be used
  | {
      readonly code: 'bitmap-missing';
      readonly diskTarget?: string;
      readonly nodeName?: string;
      readonly bitmap: string;
    }
  | {
      readonly code: 'bitmap-not-down-to-origin';
      readonly diskTarget?: string;
      readonly nodeName?: string;
      readonly bitmap: string;
      readonly madeOn: string;
    }
  | {
      readonly code:
        | 'bitmap-not-on-active-layer'
        | 'bitmap-gap'
        | 'bitmap-not-recording'
        | 'bitmap-transient'
        | 'bitmap-inconsistent';
      readonly diskTarget?: string;
      readonly nodeName: string;
      readonly bitmap: string;
    };
