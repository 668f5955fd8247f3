const running = new WeakSet<object>();

/**
 * Marks a store while a backup of this process runs that it keeps: to take that back as one whose process has died would break
 * it. Between processes the lock of the store sees to that.
 */
export async function whileRunning<T>(store: object | undefined, work: () => Promise<T>): Promise<T> {
  if (store === undefined) return await work();
  running.add(store);
  try {
    return await work();
  } finally {
    running.delete(store);
  }
}

export function isRunning(store: object): boolean {
  return running.has(store);
}
