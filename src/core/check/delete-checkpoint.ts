import { guardInput } from '../guard-input.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { type Domain, findDisk } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';
import { type BitmapOwners, bitmapOwners } from '../tree/bitmap-owners.js';
import { findCheckpoint } from '../tree/find-checkpoint.js';
import { descendantsOf } from '../tree/relatives.js';
import { checkRemovals, type DoomedBitmap, layersWith } from './bitmap-removal.js';

/** What happens to the checkpoints below the deleted one, and to the bitmaps. */
export interface DeleteOptions {
  /**
   * `keep` (default): the children move to the deleted one's parent; `delete`: all below it go with it; `delete-only`: all
   * below it go and it stays.
   */
  readonly children?: 'keep' | 'delete' | 'delete-only';
  /** Forget the checkpoints and leave their bitmaps where they are: no command is planned. */
  readonly metadataOnly?: boolean;
  /** Delete it on these disks only, by their targets: it stays on the others, and goes as a whole where it is on none then. */
  readonly disks?: readonly string[];
}

/**
 * Lists everything that keeps a checkpoint from being deleted.
 *
 * @returns The problems of {@link planDeleteCheckpoint}; none where it can be deleted.
 * @throws {@link CheckpointError} with `invalid-input` where the argument is not a domain at all.
 * @example
 * ```ts
 * checkDeleteCheckpoint(domain, 'friday').map(({ code }) => code); // ['checkpoint-not-found']
 * ```
 * @see libvirt `qemuCheckpointDelete`
 */
export function checkDeleteCheckpoint(domain: Domain, name: string, options: DeleteOptions = {}): readonly Problem[] {
  return guardInput({ domain }, () => examineDelete(domain, name, options).problems);
}

// From JavaScript a slip of the pen must not delete more than was asked for.
const childrenModes: ReadonlySet<unknown> = new Set(['keep', 'delete', 'delete-only']);

/** What goes, what keeps it from going, and what is worth a word. */
export function examineDelete(
  domain: Domain,
  name: string,
  { children = 'keep', metadataOnly = false, disks }: DeleteOptions,
): {
  readonly checkpoints: readonly Checkpoint[];
  /** What is left of one that goes on some disks only. */
  readonly left?: Checkpoint;
  readonly bitmaps: readonly DoomedBitmap[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
} {
  const nothing = { checkpoints: [], bitmaps: [], warnings: [] };
  if (!childrenModes.has(children)) {
    const expected = 'must be one of "keep", "delete", "delete-only"';
    return {
      ...nothing,
      problems: [problem({ code: 'invalid-input', subject: 'options', path: ['children'], expected })],
    };
  }
  const checkpoint = findCheckpoint(domain.checkpoints, name);
  if (checkpoint === undefined) {
    return { ...nothing, problems: [problem({ code: 'checkpoint-not-found', checkpoint: String(name) })] };
  }
  if (disks !== undefined) {
    if (children === 'keep') return examinePart(domain, checkpoint, new Set(disks), metadataOnly);
    const expected = 'must be "keep" or absent where only some disks are asked for';
    return {
      ...nothing,
      problems: [problem({ code: 'invalid-input', subject: 'options', path: ['children'], expected })],
    };
  }
  const checkpoints = [
    ...(children === 'delete-only' ? [] : [checkpoint]),
    ...(children === 'keep' ? [] : descendantsOf(domain.checkpoints, name)),
  ];
  if (metadataOnly) return { checkpoints, bitmaps: [], problems: [], warnings: [] };
  const { bitmaps, warnings } = findDoomedBitmaps(domain, checkpoints);
  return { checkpoints, bitmaps, problems: checkRemovals(bitmaps), warnings };
}

/** One that goes on some disks only. */
function examinePart(
  domain: Domain,
  checkpoint: Checkpoint,
  disks: ReadonlySet<string>,
  metadataOnly: boolean,
): ReturnType<typeof examineDelete> {
  const { name } = checkpoint;
  const strangers = [...disks].filter((target) => !checkpoint.disks.some(({ diskTarget }) => diskTarget === target));
  const going = { ...checkpoint, disks: checkpoint.disks.filter(({ diskTarget }) => disks.has(diskTarget)) };
  const remaining = checkpoint.disks.map((disk) =>
    disks.has(disk.diskTarget) ? { diskTarget: disk.diskTarget } : disk,
  );
  const goesAsAWhole = remaining.every(({ bitmap }) => bitmap === undefined);
  const { bitmaps, warnings } = metadataOnly ? { bitmaps: [], warnings: [] } : findDoomedBitmaps(domain, [going]);
  const unknown = strangers.map((diskTarget) =>
    problem({ code: 'disk-not-in-checkpoint', diskTarget: String(diskTarget), checkpoint: name }),
  );
  return {
    checkpoints: goesAsAWhole ? [checkpoint] : [],
    ...(!goesAsAWhole && { left: { ...checkpoint, disks: remaining } }),
    bitmaps,
    problems: [...unknown, ...checkRemovals(bitmaps)],
    warnings,
  };
}

function findDoomedBitmaps(domain: Domain, checkpoints: readonly Checkpoint[]) {
  const bitmaps: DoomedBitmap[] = [];
  const warnings: Problem[] = [];
  const ownersOf = remainingOwners(domain, checkpoints);
  for (const { name: checkpoint, disks } of checkpoints) {
    for (const { diskTarget, bitmap } of disks) {
      if (bitmap === undefined) continue;
      const disk = findDisk(domain, diskTarget);
      const [owner] = ownersOf(diskTarget, bitmap);
      if (disk === undefined) warnings.push(problem({ code: 'disk-gone', diskTarget, checkpoint }));
      else if (owner !== undefined) {
        warnings.push(problem({ code: 'bitmap-claimed', diskTarget, bitmap, checkpoint: owner }));
      } else {
        const layers = layersWith(disk.backingChain, bitmap);
        if (layers.length === 0) warnings.push(problem({ code: 'bitmap-missing', diskTarget, bitmap }));
        else bitmaps.push({ diskTarget, bitmap, layers });
      }
    }
  }
  return { bitmaps, warnings };
}

/** Metadata put back by hand can name one bitmap in two checkpoints; it stays as long as one of them does. */
function remainingOwners(domain: Domain, gone: readonly Checkpoint[]): BitmapOwners {
  const going = new Set(gone.map(({ name }) => name));
  return bitmapOwners(domain.checkpoints.checkpoints.filter(({ name }) => !going.has(name)));
}
