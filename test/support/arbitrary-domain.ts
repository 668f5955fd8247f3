import * as fc from 'fast-check';
import type { Bitmap, BlockNode, Checkpoint, CheckpointTree, Disk, Domain } from '../../src/index.js';
import { bitmap, checkpoint, disk, node } from './builders.js';

/** Names that a record, an array or an object would trip over. */
export const awkwardNames = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '10',
  '2',
  '01',
  '-',
  '_',
] as const;

/** A legal checkpoint name, often an awkward one. */
export const checkpointName = fc.oneof(
  fc.constantFrom(...awkwardNames),
  fc.stringMatching(/^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,6}$/),
);

/** Different checkpoint names. */
export function checkpointNames(bounds: { readonly minLength?: number; readonly maxLength: number }) {
  return fc.uniqueArray(checkpointName, bounds);
}

/**
 * A tree that hangs together: each checkpoint's parent is any of those made before it, or none. The list is in an order of
 * its own.
 */
export function checkpointTree(diskTargets: readonly string[] = ['vda']): fc.Arbitrary<CheckpointTree> {
  return checkpointNames({ maxLength: 8 }).chain((names) => {
    const made = names.map((name, place) => {
      const parent =
        place === 0 ? fc.constant(undefined) : fc.option(fc.constantFrom(...names.slice(0, place)), { nil: undefined });
      return fc.record({ parent, taking: fc.subarray([...diskTargets]) }).map(
        ({ parent: of, taking }): Checkpoint =>
          checkpoint(name, {
            ...(of !== undefined && { parent: of }),
            disks: diskTargets.map((diskTarget) => ({
              diskTarget,
              ...(taking.includes(diskTarget) && { bitmap: name }),
            })),
          }),
      );
    });
    const current =
      names.length === 0 ? fc.constant(undefined) : fc.option(fc.constantFrom(...names), { nil: undefined });
    return fc
      .tuple(fc.tuple(...made), current)
      .chain(([checkpoints, of]) =>
        fc
          .shuffledSubarray(checkpoints, { minLength: checkpoints.length })
          .map((shuffled) => ({ checkpoints: shuffled, ...(of !== undefined && { current: of }) })),
      );
  });
}

const flags = {
  recording: usually(true),
  persistent: usually(true),
  busy: usually(false),
  inconsistent: usually(false),
};

/** A bitmap of that name, in any state that QEMU can show; most often a good one. */
export function bitmapOf(name: string): fc.Arbitrary<Bitmap> {
  return fc
    .record({ ...flags, granularity: fc.constantFrom(512, 4096, 65536, 2 ** 20), dirty: fc.nat({ max: 20 }) })
    .map(({ dirty, ...state }) => bitmap(name, { ...state, dirtyBytes: dirty * state.granularity }));
}

/** What is known of a protocol layer, most often all that a reopen needs. */
const protocolLayer = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ fileReadOnly: true as const }) },
  { weight: 1, arbitrary: fc.constant({ fileNodeName: '#block007' }) },
);

/** A backing chain whose layers have some of these bitmaps. */
export function backingChain(
  diskTarget: string,
  names: readonly string[],
  bounds: { readonly minLength: number; readonly maxLength: number },
): fc.Arbitrary<readonly BlockNode[]> {
  const layer = fc
    .shuffledSubarray([...names])
    .chain((found) =>
      fc.record({ bitmaps: fc.tuple(...found.map(bitmapOf)), readOnly: fc.boolean(), file: protocolLayer }),
    )
    .map(({ file, ...state }) => ({ ...state, ...file }));
  return fc.array(layer, bounds).map((layers) => layers.map((state, place) => node(`${diskTarget}-${place}`, state)));
}

/** A domain that parses: up to three disks of up to four layers, checkpoints whose bitmaps may be lost, and bitmaps of nobody. */
export const arbitraryDomain: fc.Arbitrary<Domain> = fc
  .subarray(['vda', 'vdb', 'sda'], { minLength: 1 })
  .chain((targets) =>
    checkpointTree(targets).chain((checkpoints) => {
      const names = [...checkpoints.checkpoints.map(({ name }) => name), 'foreign.1'];
      const disks = targets.map(
        (target): fc.Arbitrary<Disk> =>
          fc
            .record({ layers: backingChain(target, names, { minLength: 0, maxLength: 4 }), readOnly: usually(false) })
            .map(({ layers, readOnly }) => disk(target, layers, { readOnly })),
      );
      return fc.tuple(...disks).map((all): Domain => ({ name: 'web', disks: all, checkpoints }));
    }),
  );

function usually(value: boolean): fc.Arbitrary<boolean> {
  return fc.oneof({ weight: 7, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: fc.constant(!value) });
}
