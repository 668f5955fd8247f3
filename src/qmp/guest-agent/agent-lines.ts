import { lineSplitter } from '../session/line-splitter.js';

/** No byte of a text in UTF-8. */
export const sentinel = 0xff;

const longestLine = 2 ** 20;

/**
 * Cuts what an agent says into lines. A sentinel stands before the answer to `guest-sync-delimited`: what came before the first
 * one, and the part of a line before a later one, may be meant for a client that was there earlier, and is left out.
 */
export function agentLines(): (bytes: Uint8Array) => Iterable<string> {
  let lines: ReturnType<typeof lineSplitter> | undefined;
  return function* push(bytes) {
    let start = 0;
    for (let end = bytes.indexOf(sentinel); end !== -1; end = bytes.indexOf(sentinel, start)) {
      if (lines !== undefined) yield* lines.push(bytes.subarray(start, end));
      lines = lineSplitter(longestLine);
      start = end + 1;
    }
    if (lines !== undefined) yield* lines.push(bytes.subarray(start));
  };
}
