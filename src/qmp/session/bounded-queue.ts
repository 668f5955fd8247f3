/** A queue that holds at most `limit` items. */
export interface BoundedQueue<T> {
  /** Puts an item behind the others. Where there is no room the first one is lost, and the answer is `true`. */
  put(item: T): boolean;
  /** Takes the first item; `undefined` where there is none. */
  take(): T | undefined;
  clear(): void;
}

/** Makes one. It is a ring, so that putting and taking cost the same however long it is. */
export function boundedQueue<T>(limit: number): BoundedQueue<T> {
  let ring: (T | undefined)[] = [];
  let first = 0;
  let size = 0;

  function take(): T | undefined {
    const item = ring[first];
    if (size === 0) return undefined;
    ring[first] = undefined;
    first = (first + 1) % limit;
    size -= 1;
    return item;
  }

  return {
    put(item) {
      const full = size === limit;
      if (full) take();
      ring[(first + size) % limit] = item;
      size += 1;
      return full;
    },
    take,
    clear() {
      ring = [];
      first = 0;
      size = 0;
    },
  };
}
