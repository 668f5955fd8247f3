import { guardInput } from '../guard-input.js';
import { findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import { type Problem, problem } from '../problem.js';

/**
 * Says whether the bitmaps of one name on a backing chain hold everything written since their checkpoint, and if not, why.
 *
 * The bitmaps of a checkpoint are usable when all of these hold:
 *
 * 1. some layer has the bitmap (`bitmap-missing`);
 * 2. the active layer has it (`bitmap-not-on-active-layer`);
 * 3. the layers that have it follow each other without a gap (`bitmap-gap`);
 * 4. on every layer that has it, it is recording (`bitmap-not-recording`),
 * 5. persistent (`bitmap-transient`),
 * 6. and not inconsistent (`bitmap-inconsistent`; QEMU shows such a one as not recording, which is not told again);
 * 7. where `madeOn` is given: it reaches down to the layer it was made on (`bitmap-not-down-to-origin`).
 *
 * Rules 1 to 6 are libvirt's. They call a chain valid whose lower bitmaps were all lost, say because a program that does
 * not know bitmaps wrote to the base: an incremental backup would then lack data without a word. Rule 7 sees that. A
 * bitmap that is busy is usable, though not now.
 *
 * @param backingChain - The active layer first, the base last.
 * @param options - `madeOn`: file name of the image that was active when the checkpoint was made; `diskTarget`: for the texts.
 * @returns Every reason why the bitmaps cannot be used, from the active layer down; `[]` means usable.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a chain and a name at all; all else is told by
 * the result.
 * @example
 * ```ts
 * checkBitmapChain(vda.backingChain, 'monday'); // []
 * checkBitmapChain(vda.backingChain, 'friday').map(({ code }) => code); // ['bitmap-missing']
 * ```
 * @see libvirt `qemuBlockBitmapChainIsValid`
 */
export function checkBitmapChain(
  backingChain: readonly BlockNode[],
  bitmapName: string,
  options: { readonly madeOn?: string; readonly diskTarget?: string } = {},
): readonly Problem[] {
  return guardInput({}, () => examineChain(backingChain, bitmapName, options));
}

function examineChain(
  backingChain: readonly BlockNode[],
  bitmapName: string,
  { madeOn, diskTarget }: { readonly madeOn?: string; readonly diskTarget?: string },
): readonly Problem[] {
  const disk = diskTarget === undefined ? {} : { diskTarget };
  const found = backingChain.map((node) => findBitmap(node, bitmapName));
  const first = found.findIndex((bitmap) => bitmap !== undefined);
  // 1
  if (first === -1) return [problem({ code: 'bitmap-missing', bitmap: bitmapName, ...disk })];
  const problems: Problem[] = [];
  const gap = found.findIndex((bitmap, layer) => layer > first && bitmap === undefined);
  backingChain.forEach(({ nodeName }, layer) => {
    const where = { bitmap: bitmapName, nodeName, ...disk };
    const bitmap = found[layer];
    // 2
    if (layer === 0 && bitmap === undefined) problems.push(problem({ code: 'bitmap-not-on-active-layer', ...where }));
    if (bitmap === undefined) return;
    // 3
    if (gap !== -1 && layer > gap) problems.push(problem({ code: 'bitmap-gap', ...where }));
    // 6
    if (bitmap.inconsistent) problems.push(problem({ code: 'bitmap-inconsistent', ...where }));
    // 4
    else if (!bitmap.recording) problems.push(problem({ code: 'bitmap-not-recording', ...where }));
    // 5
    if (!bitmap.persistent) problems.push(problem({ code: 'bitmap-transient', ...where }));
  });
  // 7
  if (madeOn !== undefined) {
    const origin = backingChain.findLastIndex(({ filename }) => filename === madeOn);
    if (found[origin] === undefined) {
      const nodeName = backingChain[origin]?.nodeName;
      const where = { bitmap: bitmapName, ...(nodeName !== undefined && { nodeName }), ...disk };
      problems.push(problem({ code: 'bitmap-not-down-to-origin', ...where, madeOn }));
    }
  }
  return problems;
}
