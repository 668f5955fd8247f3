import { describe, expect, it } from 'vitest';
import { parseCheckpointTree } from '../../../src/index.js';
import { checkpoint, line } from '../../support/builders.js';
import { codesOf, refusal } from '../../support/refusal.js';

describe('parseCheckpointTree', () => {
  it('lists everything that does not hang together', () => {
    const input = {
      checkpoints: [...line('a', 'b').checkpoints, checkpoint('c', { parent: 'c' }), checkpoint('b')],
      current: 'x',
    };
    expect(codesOf(refusal(() => parseCheckpointTree(input)))).toEqual([
      'checkpoint-duplicate',
      'parent-cycle',
      'current-not-found',
    ]);
  });
});
