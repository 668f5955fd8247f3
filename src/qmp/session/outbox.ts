/** Lines on their way to a stream. */
export interface Outbox {
  put(id: number, line: string): void;
  /** Takes a line back that was not written yet; `false` where there is none. */
  withdraw(id: number): boolean;
  /** The stream has room again. */
  drained(): void;
}

const batchLength = 64 * 2 ** 10;

/**
 * Makes one. Lines put in one go are written together, and while the stream is full they wait here, where they can still
 * be taken back.
 *
 * @param write - Writes to the stream; `false` says that it is full.
 */
export function outbox(write: (text: string) => boolean): Outbox {
  const lines = new Map<number, string>();
  let full = false;
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    while (lines.size > 0 && !full) full = !write(takeBatch());
  }

  function takeBatch(): string {
    let batch = '';
    for (const [id, line] of lines) {
      batch += line;
      lines.delete(id);
      if (batch.length >= batchLength) break;
    }
    return batch;
  }

  return {
    put(id, line) {
      lines.set(id, line);
      if (!scheduled) queueMicrotask(flush);
      scheduled = true;
    },
    withdraw: (id) => lines.delete(id),
    drained() {
      full = false;
      flush();
    },
  };
}
