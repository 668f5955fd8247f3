import { QmpMalformedError } from '../error.js';

/** Cuts a stream of bytes into lines. */
export interface LineSplitter {
  /** The lines that these bytes complete, without their ends. Lazily, so that one bad line does not hide those before it. */
  push(bytes: Uint8Array): Iterable<string>;
  /** Something came after the last line's end. */
  readonly midLine: boolean;
}

const lineFeed = 0x0a;

/**
 * Makes one. It looks for line feeds among bytes, which never are part of another character in UTF-8, and decodes whole
 * lines only: a character may come in pieces.
 *
 * @param limit - How many bytes one line may have.
 * @throws {@link QmpMalformedError}, while the lines are taken, for a line that is too long or not UTF-8.
 */
export function lineSplitter(limit: number = 64 * 2 ** 20): LineSplitter {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let parts: Uint8Array[] = [];
  let length = 0;

  function hold(part: Uint8Array): void {
    length += part.length;
    if (length > limit) throw new QmpMalformedError(`a message of more than ${limit} bytes came: that is no monitor`);
    if (part.length > 0) parts.push(part);
  }

  function decodeHeld(): string {
    const [only] = parts;
    const bytes = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, length);
    parts = [];
    length = 0;
    try {
      return decoder.decode(bytes);
    } catch {
      throw new QmpMalformedError(`a message of ${bytes.length} bytes came that is not UTF-8`);
    }
  }

  return {
    *push(bytes) {
      let start = 0;
      for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
        hold(bytes.subarray(start, end));
        start = end + 1;
        yield decodeHeld();
      }
      hold(bytes.subarray(start));
    },
    get midLine() {
      return length > 0;
    },
  };
}
