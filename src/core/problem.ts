import type { ChainProblemDetails } from './chain-problem.js';
import { describeProblem } from './describe-problem.js';

/**
 * Why something cannot be done, as data: a `code` to branch on, the fields that go with it, and a sentence for people
 * that says what, where, and what would help. Wording may change; codes and fields do not.
 */
export type Problem = ProblemDetails & {
  /** What, where, and the cure, in one line. */
  readonly text: string;
  /** What would help, alone. */
  readonly cure: string;
};

/** The codes and their fields. `diskTarget` is left out where only a chain is known, not the disk it belongs to. */
export type ProblemDetails =
  // Input
  | {
      readonly code: 'invalid-input';
      readonly subject: string;
      readonly path: readonly (string | number)[];
      readonly expected: string;
    }
  | { readonly code: 'disk-duplicate'; readonly diskTarget: string }
  | {
      readonly code: 'bitmap-duplicate';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly bitmap: string;
    }
  | { readonly code: 'checkpoint-duplicate' | 'current-not-found'; readonly checkpoint: string }
  | { readonly code: 'parent-not-found' | 'parent-cycle'; readonly checkpoint: string; readonly parent: string }
  // The checkpoint asked for
  | { readonly code: 'checkpoint-name-invalid' | 'checkpoint-not-found'; readonly checkpoint: string }
  | { readonly code: 'checkpoint-exists'; readonly checkpoint: string; readonly byDefault: boolean }
  | { readonly code: 'checkpoint-name-too-long'; readonly checkpoint: string; readonly mostBytes: number }
  | { readonly code: 'creation-time-invalid' }
  | { readonly code: 'domain-without-disks'; readonly domain: string }
  // The disks asked for
  | { readonly code: 'disk-not-found' | 'disk-ambiguous'; readonly disk: string }
  | { readonly code: 'disk-asked-twice'; readonly disk: string; readonly checkpoint?: string }
  | { readonly code: 'disk-read-only' | 'disk-empty'; readonly diskTarget: string }
  | { readonly code: 'disk-gone'; readonly diskTarget: string; readonly checkpoint: string }
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
    }
  // Layers, and what is to become one
  | ChainProblemDetails
  // What a QEMU does not understand
  | {
      readonly code: 'command-unsupported';
      readonly command: string;
      readonly member?: string;
      readonly fault?: 'unknown' | 'missing' | 'invalid';
      readonly since?: string;
    }
  // What a crash has left half done
  | { readonly code: 'change-interrupted'; readonly checkpoint: string; readonly change: 'create' | 'delete' }
  | {
      readonly code: 'chain-change-interrupted';
      readonly diskTarget: string;
      readonly change: 'snapshot' | 'commit' | 'copy' | 'pull';
    }
  // Jobs
  | { readonly code: 'job-not-dismissed' | 'job-unknown'; readonly jobId: string }
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

/** Makes a problem of its data: the sentence is written here once, so that code and wording cannot drift apart. */
export function problem(details: ProblemDetails): Problem {
  const { statement, cure } = describeProblem(details);
  return { ...details, text: `${statement}; ${cure}`, cure };
}
