import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isQmpError } from '../../../src/qmp/error.js';
import { lineSplitter } from '../../../src/qmp/session/line-splitter.js';

describe('lineSplitter', () => {
  it('puts lines together again, whatever the pieces they come in', () => {
    const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\n\p{Cs}]/gu, ''));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 7 })), (lines, sizes) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const splitter = lineSplitter();
        expect(pieces(bytes, sizes).flatMap((piece) => [...splitter.push(piece)])).toEqual(lines);
        expect(splitter.midLine).toBe(false);
      }),
    );
  });

  it('knows whether it is in the middle of a line', () => {
    const splitter = lineSplitter();
    expect(splitter.midLine).toBe(false);
    expect([...splitter.push(Buffer.from('one\ntw'))]).toEqual(['one']);
    expect(splitter.midLine).toBe(true);
    expect([...splitter.push(Buffer.from('o\n'))]).toEqual(['two']);
    expect(splitter.midLine).toBe(false);
  });

  it.each([
    ['in one piece', [11]],
    ['in pieces', [5, 5, 1]],
  ])('takes a line of the largest size and refuses one byte more, %s', (_, sizes) => {
    const splitter = lineSplitter(10);
    expect([...splitter.push(Buffer.from('a'.repeat(10))), ...splitter.push(Buffer.from('\n'))]).toEqual([
      'aaaaaaaaaa',
    ]);
    const take = () => sizes.flatMap((size) => [...splitter.push(Buffer.alloc(size, 'a'))]);
    expect(refused(take)).toBe('a message of more than 10 bytes came: that is no monitor');
  });

  it('gives the lines before one that is refused', () => {
    const lines: string[] = [];
    const take = () => {
      for (const line of lineSplitter(3).push(Buffer.from('one\ntwo\nthree\nfour\n'))) lines.push(line);
    };
    expect(refused(take)).toBe('a message of more than 3 bytes came: that is no monitor');
    expect(lines).toEqual(['one', 'two']);
  });

  it('refuses what is not UTF-8', () => {
    const take = () => [...lineSplitter().push(Buffer.from([0x22, 0xc3, 0x28, 0x22, 0x0a]))];
    expect(refused(take)).toBe('a message of 4 bytes came that is not UTF-8');
  });
});

/** The bytes in pieces of these sizes, and the rest in one. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const cut: Uint8Array[] = [];
  let start = 0;
  for (const size of sizes) {
    cut.push(bytes.subarray(start, start + size));
    start += size;
  }
  return [...cut, bytes.subarray(start)];
}

function refused(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (isQmpError(error) && error.kind === 'malformed') return error.message;
    throw error;
  }
  return undefined;
}
