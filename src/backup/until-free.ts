import { setTimeout } from 'node:timers/promises';
import { isCheckpointError } from '../core/error.js';
import { isStoreError } from '../store/error.js';

const attempts = 200;
const betweenMilliseconds = 50;

/**
 * Does what changes a store, anew where another change of this process came first: that one is under way, or has made what was
 * seen untrue, or has just moved a disk to another layer than the one it is looked for by. Nothing was done then.
 *
 * @throws What the work throws; the store's `busy` or `stale`, and `node-not-found`, only after ten seconds.
 */
export async function untilFree<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isOvertaken(error) || attempt === attempts) throw error;
      await setTimeout(betweenMilliseconds);
    }
  }
}

function isOvertaken(error: unknown): boolean {
  if (isCheckpointError(error)) return error.problems.every(({ code }) => code === 'node-not-found');
  return isStoreError(error) && (error.kind === 'busy' || error.kind === 'stale');
}
