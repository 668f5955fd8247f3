import { describe, expect, it } from 'vitest';
import { bitmapSchema, findBitmap } from '../../../src/core/model/bitmap.js';
import { bitmap, node, without } from '../../support/builders.js';

describe('a bitmap', () => {
  it.each<[string, object]>([
    ['as a checkpoint leaves it', bitmap('a')],
    ['whose granularity is not told', bitmap('a', { granularity: 0 })],
    ['whose name has control characters, which QEMU takes', bitmap('a\nb')],
    ['called like a member of every object', bitmap('__proto__')],
  ])('%s is read as it is', (_, value) => {
    expect(bitmapSchema.parse(value)).toStrictEqual(value);
  });

  it.each<[string, object]>([
    ['without a name', without(bitmap('a'), 'name')],
    ['with an empty name', bitmap('')],
    ['with a name of 1024 bytes', bitmap('a'.repeat(1024))],
    ['with 511 bytes per bit', bitmap('a', { granularity: 511 })],
    ['with 4 GiB per bit', bitmap('a', { granularity: 2 ** 32 })],
    ['with less than no dirty bytes', bitmap('a', { dirtyBytes: -1 })],
    ...(['recording', 'persistent', 'busy', 'inconsistent'] as const).map((flag): [string, object] => [
      `that does not say whether it is ${flag}`,
      without(bitmap('a'), flag),
    ]),
  ])('%s is refused', (_, value) => {
    expect(bitmapSchema.safeParse(value).success).toBe(false);
  });
});

describe('findBitmap', () => {
  const given = node('n', { bitmaps: ['b', 'a', '__proto__'] });

  it.each(['a', 'b', '__proto__'])('finds %s', (name) => {
    expect(findBitmap(given, name)).toBe(given.bitmaps.find((each) => each.name === name));
    expect(findBitmap(given, name)?.name).toBe(name);
  });

  it.each(['c', 'constructor', ''])('does not find "%s"', (name) => {
    expect(findBitmap(given, name)).toBeUndefined();
  });
});
