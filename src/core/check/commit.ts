import { guardInput } from '../guard-input.js';
import type { Domain } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';
import { type CarriedBitmaps, type EndOptions, examineCarried } from './carried-bitmaps.js';
import { type ChainChange, checkNotShared } from './chain-change.js';
import { checkLayers, findLayers, placeOfLayer } from './find-layers.js';

/** Which layers to commit, and into which. */
export interface CommitRequest extends EndOptions {
  readonly diskTarget: string;
  /** The uppermost layer whose data moves down: the active one, or one below it. */
  readonly topNodeName: string;
  /** The layer that takes the data; those between go too. */
  readonly baseNodeName: string;
}

/**
 * Lists everything that keeps layers from being committed.
 *
 * @returns The problems of {@link planCommit}; none where it can be done.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a request at all.
 * @example
 * ```ts
 * const request = { diskTarget: 'vda', topNodeName: 'vda-active', baseNodeName: 'elsewhere' };
 * checkCommit(domain, request).map(({ code }) => code); // ['layer-not-found']
 * ```
 * @see QEMU `block-commit`
 */
export function checkCommit(domain: Domain, request: CommitRequest): readonly Problem[] {
  return guardInput({ domain }, () => examineCommit(domain, request).problems);
}

/** A change of a chain that can be made, and what keeps it from being made. */
export interface ExaminedChange {
  /** Absent where the layers it is about were not found. */
  readonly found?: { readonly change: ChainChange; readonly bitmaps: CarriedBitmaps };
  readonly problems: readonly Problem[];
}

/**
 * What keeps layers from being committed, by these rules:
 *
 * 1. the disk has a medium, and both layers;
 * 2. the base lies below the top;
 * 3. no other disk stands on a layer that changes or goes;
 * 4. no checkpoint ends, unless that is asked for: {@link examineCarried}.
 */
export function examineCommit(domain: Domain, request: CommitRequest): ExaminedChange {
  const { diskTarget, topNodeName, baseNodeName } = request;
  // 1
  const { disk, problems } = findLayers(domain, diskTarget);
  if (disk === undefined) return { problems };
  const missing = checkLayers(disk, [topNodeName, baseNodeName]);
  if (missing.length > 0) return { problems: missing };
  const from = placeOfLayer(disk, topNodeName);
  const to = placeOfLayer(disk, baseNodeName);
  const receiver = disk.backingChain[to];
  // 2
  if (receiver === undefined || to <= from) {
    return { problems: [problem({ code: 'layer-not-below', diskTarget, nodeName: baseNodeName, topNodeName })] };
  }
  const change: ChainChange = { kind: 'commit', diskTarget, chain: disk.backingChain, from, to, receiver };
  // 4
  const bitmaps = examineCarried(domain, change, request);
  // 3
  return { found: { change, bitmaps }, problems: [...checkNotShared(domain, change), ...bitmaps.problems] };
}
