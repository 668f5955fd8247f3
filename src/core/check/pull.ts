import { guardInput } from '../guard-input.js';
import type { Domain } from '../model/domain.js';
import { type Problem, problem } from '../problem.js';
import { type EndOptions, examineCarried } from './carried-bitmaps.js';
import type { ChainChange } from './chain-change.js';
import type { ExaminedChange } from './commit.js';
import { checkLayers, findLayers, placeOfLayer } from './find-layers.js';

/** Down to where to pull. */
export interface PullRequest extends EndOptions {
  readonly diskTarget: string;
  /** The layer that stays below the active one; absent: none. */
  readonly baseNodeName?: string;
}

/**
 * Lists everything that keeps lower layers from being pulled into the active one.
 *
 * @returns The problems of {@link planPull}; none where it can be done.
 * @throws {@link CheckpointError} with `invalid-input` where the arguments are not a domain and a request at all.
 * @example
 * ```ts
 * checkPull(domain, { diskTarget: 'vda' }).map(({ code }) => code); // ['nothing-to-pull']
 * ```
 * @see QEMU `block-stream`
 */
export function checkPull(domain: Domain, request: PullRequest): readonly Problem[] {
  return guardInput({ domain }, () => examinePull(domain, request).problems);
}

/**
 * What keeps layers from being pulled, by these rules:
 *
 * 1. the disk has a medium, and the layer that is to stay below;
 * 2. there is a layer between;
 * 3. no checkpoint ends, unless that is asked for: {@link examineCarried}.
 */
export function examinePull(domain: Domain, request: PullRequest): ExaminedChange {
  const { diskTarget, baseNodeName } = request;
  // 1
  const { disk, active, problems } = findLayers(domain, diskTarget);
  if (disk === undefined || active === undefined) return { problems };
  const missing = baseNodeName === undefined ? [] : checkLayers(disk, [baseNodeName]);
  if (missing.length > 0) return { problems: missing };
  const chain = disk.backingChain;
  const to = baseNodeName === undefined ? chain.length : placeOfLayer(disk, baseNodeName);
  // 2
  if (to <= 1) return { problems: [problem({ code: 'nothing-to-pull', diskTarget })] };
  const change: ChainChange = { kind: 'pull', diskTarget, chain, from: 1, to, receiver: active };
  // 3
  const bitmaps = examineCarried(domain, change, request);
  return { found: { change, bitmaps }, problems: bitmaps.problems };
}
