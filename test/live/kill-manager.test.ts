import { expect, it } from 'vitest';
import { killManager } from '../soak/kill-manager.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';

describeOnEachQemu('a manager that is killed at any moment', (qemu) => {
  it('leaves nothing behind that reconciling does not settle', async () => {
    expect(await killManager(qemu, 12, 1)).toMatchObject({ kills: 12, faults: [] });
  });
});
