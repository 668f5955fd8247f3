import type { BitmapAddAction, Transaction } from '../action.js';
import { examineCreate } from '../check/create-checkpoint.js';
import { throwProblems } from '../error.js';
import { guardInput } from '../guard-input.js';
import type { CheckpointDefinition } from '../model/checkpoint-definition.js';
import type { Domain } from '../model/domain.js';
import { addCheckpoint } from '../tree/edit-tree.js';
import { newBitmaps, newCheckpoint, removalOf } from './new-checkpoint.js';
import { finishPlan, type Plan, type Step } from './plan.js';

/**
 * Plans a new checkpoint: one independent bitmap on each disk that takes part, all at the same point in time.
 *
 * The plan is a single transaction with one `bitmap-add` a disk, on its active layer and in the domain's order; either all
 * bitmaps come to be or none does. No other bitmap is looked at, stopped or merged: what it costs does not depend on how
 * many checkpoints there are. The new checkpoint becomes current and the current one its parent. Where no disk takes part
 * there is nothing to send and only metadata changes.
 *
 * QEMU would accept a bitmap on a read-only node, and lose it when the image is closed; this and whatever else it would
 * refuse is found before anything is sent.
 *
 * @param domain - The domain as last observed. Not modified.
 * @param definition - What is asked for; `{}` means every writable disk, named after the second.
 * @param options - `now`: the creation time in seconds since the epoch.
 * @returns The steps in the order to run them, and the domain once they have all succeeded.
 *
 * @throws {@link CheckpointError} with every applicable problem:
 * - `creation-time-invalid`, `checkpoint-name-invalid`, `checkpoint-exists`: `now` or the name cannot be used;
 * - `domain-without-disks`, `disk-not-found`, `disk-ambiguous`, `disk-asked-twice`, `disk-read-only`, `disk-empty`: the disks
 *   asked for do not fit the domain's;
 * - `format-unsupported`, `qcow2-version-unsupported`, `node-read-only`, `node-shared`: the active layer cannot hold the bitmap;
 * - `bitmap-name-invalid`, `bitmap-exists`, `bitmap-claimed`: the bitmap's name cannot be used;
 * - `granularity-invalid`, `bitmap-too-large`, `too-many-bitmaps`, `bitmap-directory-full`: a limit of qcow2 is passed;
 * - `invalid-input`: the arguments are not a domain and a definition at all.
 *
 * @example
 * ```ts
 * const { steps, next } = planCreateCheckpoint(domain, { name: 'wednesday' }, { now: 1700000000 });
 * steps[0]?.command;
 * // { kind: 'transaction', actions: [
 * //   { kind: 'bitmap-add', nodeName: 'vda-active', bitmap: 'wednesday', persistent: true, recording: true },
 * // ] }
 * next.checkpoints.current; // 'wednesday'
 * ```
 *
 * @see QEMU `block-dirty-bitmap-add`, `transaction`; libvirt `qemuCheckpointCreate`
 */
export function planCreateCheckpoint(
  domain: Domain,
  definition: CheckpointDefinition,
  options: { readonly now: number },
): Plan {
  return guardInput({ domain, definition }, () => {
    const { now } = options;
    const { name, disks, problems } = examineCreate(domain, definition, now);
    throwProblems(problems);
    const actions = newBitmaps(disks);
    const checkpoint = newCheckpoint(definition, disks, { name, parent: domain.checkpoints.current, now });
    const steps = actions.length === 0 ? [] : [createStep(name, actions)];
    return finishPlan(domain, steps, addCheckpoint(domain.checkpoints, checkpoint));
  });
}

function createStep(name: string, actions: readonly BitmapAddAction[]): Step {
  const undo: Transaction = { kind: 'transaction', actions: actions.map(removalOf) };
  const disks = actions.length === 1 ? 'one disk' : `${actions.length} disks`;
  return {
    command: { kind: 'transaction', actions },
    why: `From one instant on, record what changes on ${disks} since checkpoint "${name}".`,
    undo,
  };
}
