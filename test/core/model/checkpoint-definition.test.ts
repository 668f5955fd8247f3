import { describe, expect, it } from 'vitest';
import { parseCheckpointDefinition } from '../../../src/index.js';
import { refusal } from '../../support/refusal.js';

describe('parseCheckpointDefinition', () => {
  it.each<[string, object, readonly (string | number)[]]>([
    ['a name that cannot be', { name: 'a/b' }, ['name']],
    ['a disk without a name', { disks: [{ disk: '' }] }, ['disks', 0, 'disk']],
    [
      'a third way to take part',
      { disks: [{ disk: 'vda' }, { disk: 'vdb', checkpoint: 'yes' }] },
      ['disks', 1, 'checkpoint'],
    ],
    ['a bitmap name with a line break', { disks: [{ disk: 'vda', bitmap: 'a\n' }] }, ['disks', 0, 'bitmap']],
    [
      'a granularity that is no power of two',
      { disks: [{ disk: 'vda', granularity: 1000 }] },
      ['disks', 0, 'granularity'],
    ],
    [
      'a bitmap for a disk that does not take part',
      { disks: [{ disk: 'vda', checkpoint: 'no', bitmap: 'a' }] },
      ['disks', 0],
    ],
    [
      'a granularity for a disk that does not take part',
      { disks: [{ disk: 'vda', checkpoint: 'no', granularity: 512 }] },
      ['disks', 0],
    ],
  ])('says where it was given %s', (_, input, path) => {
    expect(refusal(() => parseCheckpointDefinition(input))).toMatchObject([
      { code: 'invalid-input', subject: 'definition', path },
    ]);
  });
});
