import { guardInput } from '../guard-input.js';
import type { BlockNode } from '../model/block-node.js';
import type { Domain } from '../model/domain.js';
import { type ImageBelow, type NewImage, nodeOfNewImage } from '../model/new-image.js';
import { type Problem, problem } from '../problem.js';
import { type EndOptions, examineCarried } from './carried-bitmaps.js';
import type { ChainChange } from './chain-change.js';
import type { ExaminedChange } from './commit.js';
import { findLayers } from './find-layers.js';
import { checkFilename, checkNewImage, namesInUse } from './new-image.js';

/** Which disk to copy, and where to. */
export interface CopyRequest extends EndOptions {
  readonly diskTarget: string;
  /**
   * A node that was added for it, as observed: with `backing` set to `null`, or for a shallow copy to the node below the active
   * layer; or an image that the plan makes.
   */
  readonly mirror: BlockNode | NewImage;
  /** Copy only the active layer: the copy stands on the same backing image. Default: all layers are copied into one. */
  readonly shallow?: boolean;
}

/**
 * Lists everything that keeps a disk from being copied.
 *
 * @returns The problems of {@link planCopy}; none where it can be done.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a request at all.
 * @example
 * ```ts
 * const mirror = { nodeName: 'vda-copy', filename: 'copy.qcow2' };
 * checkCopy(domain, { diskTarget: 'vda', mirror }).map(({ code }) => code); // ['filename-invalid']
 * ```
 * @see QEMU `blockdev-mirror`
 */
export function checkCopy(domain: Domain, request: CopyRequest): readonly Problem[] {
  return guardInput({ domain }, () => examineCopy(domain, request).problems);
}

/** A copy that can be made; `made` and what it stands on where the plan makes the image. */
export interface ExaminedCopy extends ExaminedChange {
  readonly made?: { readonly image: NewImage; readonly below: ImageBelow };
}

/**
 * What keeps a disk from being copied, by these rules:
 *
 * 1. the disk has a medium;
 * 2. a mirror that is there can be written to, is of the disk's size, no layer of a disk, and stands on what the copy will stand on;
 * 3. its file is no other's, and no checkpoint was made on a file of that name;
 * 4. one that is to be made: {@link checkNewImage};
 * 5. no checkpoint ends, unless that is asked for: {@link examineCarried}.
 */
export function examineCopy(domain: Domain, request: CopyRequest): ExaminedCopy {
  const { diskTarget, mirror, shallow = false } = request;
  // 1
  const { disk, active, problems: absent } = findLayers(domain, diskTarget);
  if (disk === undefined || active === undefined) return { problems: absent };
  const chain = disk.backingChain;
  const to = shallow ? 1 : chain.length;
  const backing = chain[to];
  const below: ImageBelow = {
    virtualSize: active.virtualSize,
    opened: true,
    ...(backing !== undefined && { backing }),
  };
  const made = 'bitmaps' in mirror ? undefined : { image: mirror, below };
  const receiver = 'bitmaps' in mirror ? mirror : nodeOfNewImage(mirror, below);
  const problems =
    made === undefined
      ? checkMirror(domain, diskTarget, receiver, below)
      : // 4
        checkNewImage(diskTarget, made.image, backing, namesInUse(domain));
  const change: ChainChange = { kind: 'copy', diskTarget, chain, from: 0, to, receiver };
  // 5
  const bitmaps = examineCarried(domain, change, request);
  return {
    found: { change, bitmaps },
    problems: [...problems, ...bitmaps.problems],
    ...(made !== undefined && { made }),
  };
}

function checkMirror(
  domain: Domain,
  diskTarget: string,
  { nodeName, readOnly, virtualSize, filename, backingFilename }: BlockNode,
  { virtualSize: expectedSize, backing }: ImageBelow,
): readonly Problem[] {
  const problems: Problem[] = [];
  const where = { diskTarget, nodeName };
  const unsuitable = (reason: 'read-only' | 'is-layer' | 'has-backing' | 'other-backing') =>
    problems.push(problem({ code: 'node-unsuitable', ...where, reason }));
  // 2
  const isLayer = domain.disks.some((disk) => disk.backingChain.some((layer) => layer.nodeName === nodeName));
  if (isLayer) unsuitable('is-layer');
  if (readOnly) unsuitable('read-only');
  if (backing === undefined && backingFilename !== undefined) unsuitable('has-backing');
  if (backing !== undefined && backingFilename !== backing.filename) unsuitable('other-backing');
  if (virtualSize !== expectedSize)
    problems.push(problem({ code: 'size-differs', ...where, virtualSize, expectedSize }));
  // 3
  if (filename !== undefined) problems.push(...checkFilename(filename, namesInUse(domain), nodeName));
  return problems;
}
