import { type Bitmap, findBitmap } from '../model/bitmap.js';
import type { BlockNode } from '../model/block-node.js';
import { defaultGranularity, isGranularity } from '../model/granularity.js';
import { isBitmapName, utf8Length } from '../model/names.js';
import { type Problem, problem } from '../problem.js';

const mostBitmaps = 65535;
const mostDirectoryBytes = 1024 * mostBitmaps;
const mostBitmapBytes = 512 * 2 ** 20;

/**
 * What keeps a persistent bitmap from being made on a node: what QEMU would refuse, and what it would take and lose.
 *
 * 1. only qcow2 stores bitmaps, and only its version 3;
 * 2. on a read-only node QEMU takes the bitmap and loses it when the image is closed;
 * 3. a name is 1 to 1023 bytes, and here without control characters, which QEMU would take;
 * 4. a name is there once on a node, whatever the state of its bitmap;
 * 5. a granularity is a power of two from 512 to 2 GiB;
 * 6. the bits of one bitmap take at most 512 MiB;
 * 7. an image holds at most 65535 bitmaps, and 67107840 bytes of their directory.
 *
 * @see QEMU `qcow2_co_can_store_new_dirty_bitmap`
 */
export function checkNewBitmap(
  diskTarget: string,
  node: BlockNode,
  bitmap: { readonly name: string; readonly granularity?: number },
): readonly Problem[] {
  const problems: Problem[] = [];
  const { nodeName, format } = node;
  const where = { diskTarget, nodeName };
  // 1
  if (format !== 'qcow2') problems.push(problem({ code: 'format-unsupported', ...where, format }));
  else if (node.qcow2Version === 2) problems.push(problem({ code: 'qcow2-version-unsupported', ...where }));
  // 2
  if (node.readOnly) problems.push(problem({ code: 'node-read-only', ...where }));
  // 3
  if (!isBitmapName(bitmap.name))
    problems.push(problem({ code: 'bitmap-name-invalid', diskTarget, bitmap: bitmap.name }));
  // 4
  const existing = findBitmap(node, bitmap.name);
  if (existing !== undefined) {
    const { inconsistent } = existing;
    problems.push(problem({ code: 'bitmap-exists', ...where, bitmap: bitmap.name, inconsistent }));
  }
  // 5
  const { granularity = defaultGranularity(node.clusterSize) } = bitmap;
  if (!isGranularity(granularity)) problems.push(problem({ code: 'granularity-invalid', diskTarget, granularity }));
  // 6
  else if (bitmapBytes(node.virtualSize, granularity) > mostBitmapBytes) {
    const smallestGranularity = smallestEnough(node.virtualSize, granularity);
    problems.push(problem({ code: 'bitmap-too-large', ...where, granularity, smallestGranularity }));
  }
  // 7
  const stored = node.bitmaps.filter(({ persistent }) => persistent);
  if (stored.length >= mostBitmaps) problems.push(problem({ code: 'too-many-bitmaps', ...where }));
  else if (isDirectoryFull([...stored, bitmap])) {
    problems.push(problem({ code: 'bitmap-directory-full', ...where }));
  }
  return problems;
}

function bitmapBytes(virtualSize: number, granularity: number): number {
  return Math.ceil(Math.ceil(virtualSize / granularity) / 8);
}

function smallestEnough(virtualSize: number, tooSmall: number): number {
  let granularity = tooSmall;
  while (bitmapBytes(virtualSize, granularity) > mostBitmapBytes) granularity *= 2;
  return granularity;
}

/** An entry has 24 bytes and its name, and fills up to a multiple of 8. */
function isDirectoryFull(bitmaps: readonly { readonly name: string }[]): boolean {
  // Names of 1023 bytes take 1048 each: fewer cannot fill it, whatever they are.
  if (bitmaps.length * 1048 <= mostDirectoryBytes) return false;
  const bytes = bitmaps.reduce((sum, { name }) => sum + Math.ceil((24 + utf8Length(name)) / 8) * 8, 0);
  return bytes > mostDirectoryBytes;
}

/**
 * What keeps bitmaps that are on other layers from being made on a node too, each problem once.
 *
 * Their names are what they are: QEMU takes those that would not be chosen for a new one.
 */
export function checkNewBitmaps(
  diskTarget: string,
  node: BlockNode,
  bitmaps: readonly Pick<Bitmap, 'name' | 'granularity'>[],
): readonly Problem[] {
  const last = bitmaps.at(-1);
  if (last === undefined) return [];
  const alone = bitmaps.flatMap((bitmap) => checkNewBitmap(diskTarget, node, asked(bitmap)));
  const others = bitmaps.slice(0, -1).map((bitmap) => ({ ...good, ...bitmap }));
  const together = { ...node, bitmaps: [...others, ...node.bitmaps] };
  const problems = [...alone, ...checkNewBitmap(diskTarget, together, asked(last))];
  const byText = new Map(problems.map((each) => [each.text, each]));
  return [...byText.values()].filter(({ code }) => code !== 'bitmap-name-invalid');
}

const good = { dirtyBytes: 0, recording: true, persistent: true, busy: false, inconsistent: false } as const;

function asked({ name, granularity }: Pick<Bitmap, 'name' | 'granularity'>): {
  readonly name: string;
  readonly granularity?: number;
} {
  return granularity > 0 ? { name, granularity } : { name };
}
