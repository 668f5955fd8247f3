import type { Command } from '../action.js';
import { applyStep } from '../apply.js';
import type { CheckpointTree } from '../model/checkpoint-tree.js';
import type { Domain } from '../model/domain.js';
import type { Problem } from '../problem.js';

/** What is to be done and what it leads to. Plain JSON: it can be printed, compared, stored, and sent to another host. */
export interface Plan {
  /** In the order to run them; empty where only metadata changes. */
  readonly steps: readonly Step[];
  /** The domain once all steps have succeeded; `next.checkpoints` is what the caller stores. */
  readonly next: Domain;
  /** What was met and does not keep the plan from being run; absent where there is nothing. */
  readonly warnings?: readonly Problem[];
}

/** One command of a plan. */
export interface Step {
  readonly command: Command;
  /** One sentence for people. */
  readonly why: string;
  /** What puts this step back when a later one fails; absent where nothing can or need be put back. */
  readonly undo?: Command;
  /**
   * A failure may have taken effect on disk. QEMU deletes a stored bitmap from the image while a transaction is still being
   * prepared, and puts back only its copy in memory when a later action fails. That is why removals come last.
   */
  readonly irreversible?: true;
  /** Once this step is done, those before it are not put back when a later one fails: what they did is needed to go on. */
  readonly pointOfNoReturn?: true;
}

/** Completes a plan: what the steps lead to is computed by applying them, so the two cannot disagree. */
export function finishPlan(
  domain: Domain,
  steps: readonly Step[],
  checkpoints: CheckpointTree,
  warnings: readonly Problem[] = [],
): Plan {
  const next = { ...steps.reduce(applyStep, domain), checkpoints };
  return { steps, next, ...(warnings.length > 0 && { warnings }) };
}
