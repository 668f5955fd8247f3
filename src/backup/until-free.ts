import { setTimeout } from 'node:timers/promises';
import { isStoreError } from '../store/error.js';

const attempts = 200;
const betweenMilliseconds = 50;

/**
 * Does what changes a store, anew where another change of this process came first: that one is under way, or has made what was
 * seen untrue. Nothing was done then.
 *
 * @throws What the work throws; the store's `busy` or `stale` only after ten seconds.
 */
export async function untilFree<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const isTaken = isStoreError(error) && (error.kind === 'busy' || error.kind === 'stale');
      if (!isTaken || attempt === attempts) throw error;
      await setTimeout(betweenMilliseconds);
    }
  }
}
