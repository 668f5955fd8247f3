import { describe, expect, it } from 'vitest';
import { activeLayerOf } from '../../../src/core/model/disk.js';
import { chain, disk } from '../../support/builders.js';

describe('activeLayerOf', () => {
  it('is the first of the backing chain', () => {
    const layers = chain('vda', [[], []]);
    expect(activeLayerOf(disk('vda', layers))).toBe(layers[0]);
  });

  it('is none where there is no medium', () => {
    expect(activeLayerOf(disk('sda', []))).toBeUndefined();
  });
});
