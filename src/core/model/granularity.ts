const smallest = 512;
const largest = 2 ** 31;

/** Whether a value may be the granularity of a persistent bitmap: a power of two from 512 to 2 GiB, in bytes. */
export function isGranularity(value: unknown): value is number {
  if (typeof value !== 'number' || value < smallest || value > largest) return false;
  // A fraction close to a power of two has a whole logarithm too.
  return Number.isInteger(value) && Number.isInteger(Math.log2(value));
}

/**
 * The granularity QEMU takes when none is asked for: the cluster size, but at least 4 KiB and at most 64 KiB; 64 KiB
 * where the cluster size is not known.
 *
 * @param clusterSize - Bytes.
 * @see QEMU `bdrv_get_default_bitmap_granularity`
 */
export function defaultGranularity(clusterSize?: number): number {
  return clusterSize === undefined ? 65536 : Math.min(Math.max(clusterSize, 4096), 65536);
}
