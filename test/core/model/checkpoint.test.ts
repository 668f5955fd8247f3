import { describe, expect, it } from 'vitest';
import { parseCheckpoint } from '../../../src/index.js';
import { checkpoint, now } from '../../support/builders.js';
import { refusal } from '../../support/refusal.js';

describe('parseCheckpoint', () => {
  it.each<[string, object, readonly (string | number)[]]>([
    ['a name with a dot in front', { ...checkpoint('.a') }, ['name']],
    ['a parent with a blank', { ...checkpoint('a'), parent: ' ' }, ['parent']],
    ['a time before the epoch', { ...checkpoint('a'), creationTimeSeconds: -1 }, ['creationTimeSeconds']],
    ['half a second', { ...checkpoint('a'), creationTimeSeconds: now + 0.5 }, ['creationTimeSeconds']],
    ['an empty bitmap name', checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: '' }] }), ['disks', 0, 'bitmap']],
    ['a description that is null', { ...checkpoint('a'), description: null }, ['description']],
  ])('says where it was given %s', (_, input, path) => {
    expect(refusal(() => parseCheckpoint(input))).toMatchObject([
      { code: 'invalid-input', subject: 'checkpoint', path },
    ]);
  });

  it('reads a bitmap whose name this library would not make', () => {
    const odd = checkpoint('a', { disks: [{ diskTarget: 'vda', bitmap: 'a\nb' }] });
    expect(parseCheckpoint(odd)).toStrictEqual(odd);
  });
});
