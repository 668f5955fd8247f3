import type { Domain } from '../model/domain.js';
import { bitmapOwners } from './bitmap-owners.js';

/** A bitmap that no checkpoint of the domain names: another program's, or what one has left behind. */
export interface ForeignBitmap {
  readonly diskTarget: string;
  readonly nodeName: string;
  readonly bitmap: string;
  /** A job or an export holds it now. */
  readonly busy: boolean;
}

/**
 * Lists the bitmaps on a domain's layers that no checkpoint names. Nothing here removes them unasked: to whom they belong is not
 * known.
 *
 * @example
 * ```ts
 * foreignBitmaps(domain); // []
 * ```
 */
export function foreignBitmaps({ disks, checkpoints }: Domain): readonly ForeignBitmap[] {
  const ownersOf = bitmapOwners(checkpoints.checkpoints);
  return disks.flatMap(({ diskTarget, backingChain }) =>
    backingChain.flatMap(({ nodeName, bitmaps }) =>
      bitmaps
        .filter(({ name }) => ownersOf(diskTarget, name).length === 0)
        .map(({ name: bitmap, busy }) => ({ diskTarget, nodeName, bitmap, busy })),
    ),
  );
}
