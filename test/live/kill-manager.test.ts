import { expect, it } from 'vitest';
import { killManager } from '../soak/kill-manager.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';

describeOnEachQemu('a manager that is killed', (qemu) => {
  it('at random moments leaves nothing that reconciling does not settle', async () => {
    expect(await killManager(qemu, { kills: 10, seed: 1 })).toMatchObject({ kills: 10, faults: [] });
  });
});
