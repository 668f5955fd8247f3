import { describe, expect, it } from 'vitest';
import {
  isBitmapName,
  isCheckpointName,
  isGeneratedNodeName,
  isNodeName,
  isObservedBitmapName,
  utf8Length,
} from '../../../src/core/model/names.js';

const notTexts = [undefined, null, 0, 10, true, [], ['a'], {}, Symbol('a')];

describe('isCheckpointName', () => {
  it.each(['a', 'A', '0', '10', '-', '_', 'a.', 'a..b', '-.-', '__proto__', 'constructor', 'x'.repeat(5000)])(
    'takes %s',
    (name) => {
      expect(isCheckpointName(name)).toBe(true);
    },
  );

  it.each(['', '.', '.a', 'a/b', 'a b', 'a\n', '\na', 'é', 'a:', '😀', ...notTexts])('refuses %j', (name) => {
    expect(isCheckpointName(name)).toBe(false);
  });
});

// Each limit by what fills it to the last byte, and by one byte more.
const limits: readonly [string, (value: unknown) => boolean, number][] = [
  ['isNodeName', isNodeName, 31],
  ['isObservedBitmapName', isObservedBitmapName, 1023],
  ['isBitmapName', isBitmapName, 1023],
];

describe.each(limits)('%s', (_, is, limit) => {
  it.each([
    ['one byte each', 'a'],
    ['two bytes each', 'é'],
    ['three bytes each', '€'],
    ['four bytes each', '😀'],
  ])('takes %j bytes of characters of %s and no more', (_, character) => {
    const fits = Math.floor(limit / utf8Length(character));
    const filled = character.repeat(fits) + 'a'.repeat(limit - fits * utf8Length(character));
    expect(utf8Length(filled)).toBe(limit);
    expect(is(filled)).toBe(true);
    expect(is(`${filled}a`)).toBe(false);
  });

  it('takes one byte and refuses none', () => {
    expect(is('a')).toBe(true);
    expect(is('')).toBe(false);
  });

  it.each(notTexts)('refuses what is no text', (value) => {
    expect(is(value)).toBe(false);
  });
});

describe('a bitmap name', () => {
  it.each(['\0', '\t', '\n', '\r', '\u001b', '\u007f', '\u0085', '\u009f'])(
    '%j can be observed and not be made',
    (character) => {
      for (const name of [character, `a${character}`, `${character}a`]) {
        expect(isObservedBitmapName(name)).toBe(true);
        expect(isBitmapName(name)).toBe(false);
      }
    },
  );

  it.each(['\ud83d', '\ude00', '\ude00\ud83d'])('%j is half a character and cannot be made', (name) => {
    expect(isBitmapName(name)).toBe(false);
  });

  it.each([' ', 'a b', '"', '#x', 'a,b:c/d\\', '😀', 'é', '\u00a0'])('%j can be made', (name) => {
    expect(isBitmapName(name)).toBe(true);
  });
});

describe('isGeneratedNodeName', () => {
  it.each<[string, boolean]>([
    ['#block123', true],
    ['block123', false],
    ['a#b', false],
  ])('%s: %j', (name, expected) => {
    expect(isGeneratedNodeName(name)).toBe(expected);
  });
});
