import type { BackupProblemDetails } from './backup-problem.js';
import type { BitmapProblemDetails } from './bitmap-problem.js';
import type { ChainProblemDetails } from './chain-problem.js';
import { describeProblem } from './describe-problem.js';
import type { QemuProblemDetails } from './qemu-problem.js';
import type { RestoreProblemDetails } from './restore-problem.js';

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
  // What keeps a bitmap from being made, removed or used
  | BitmapProblemDetails
  // Layers, and what is to become one
  | ChainProblemDetails
  // Backups, and what is restored from them
  | BackupProblemDetails
  | RestoreProblemDetails
  // What a crash has left half done
  | { readonly code: 'change-interrupted'; readonly checkpoint: string; readonly change: 'create' | 'delete' }
  | {
      readonly code: 'chain-change-interrupted';
      readonly diskTarget: string;
      readonly change: 'snapshot' | 'commit' | 'copy' | 'pull';
    }
  // What a QEMU does not understand, or shows otherwise than it should be
  | QemuProblemDetails;

/** Makes a problem of its data: the sentence is written here once, so that code and wording cannot drift apart. */
export function problem(details: ProblemDetails): Problem {
  const { statement, cure } = describeProblem(details);
  return { ...details, text: `${statement}; ${cure}`, cure };
}
