/** What a QEMU does not understand, or shows otherwise than it should be: the codes and their fields. */
export type QemuProblemDetails =
  // What a QEMU does not understand
  | {
      readonly code: 'command-unsupported';
      readonly command: string;
      readonly member?: string;
      readonly fault?: 'unknown' | 'missing' | 'invalid';
      readonly since?: string;
    }
  // Jobs
  | { readonly code: 'job-not-dismissed'; readonly jobId: string }
  // How block nodes hang together
  | { readonly code: 'device-not-found'; readonly diskTarget: string; readonly device: string }
  | { readonly code: 'node-not-found'; readonly nodeName: string }
  | { readonly code: 'backing-node-missing'; readonly nodeName: string; readonly backing: string }
  | {
      readonly code: 'backing-node-ambiguous';
      readonly nodeName: string;
      readonly backing: string;
      readonly candidates: readonly string[];
    }
  | { readonly code: 'backing-chain-loop'; readonly nodeName: string };
