import { expect, it } from 'vitest';
import { walkLayers } from '../soak/walk.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';

describeOnEachQemu('a random walk over layers and checkpoints', (qemu) => {
  it('goes as its model says, bit by bit, and restores byte by byte', async () => {
    expect(await walkLayers(qemu, { walks: 3, seed: 4000 })).toMatchObject({ walks: 3, faults: [] });
  });
});
