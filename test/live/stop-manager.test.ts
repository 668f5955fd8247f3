import { expect, it } from 'vitest';
import { stopManager } from '../soak/stop-manager.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';

describeOnEachQemu('a manager that is killed', (qemu) => {
  it('at every moment of a create and of deletes leaves them done or not begun', { timeout: 240_000 }, async () => {
    const { endings, faults } = await stopManager(qemu, 'distinct');
    expect(faults).toEqual([]);
    // All that a change can leave was met.
    expect([...endings.keys()].sort()).toEqual([
      'create: confirm, 0 steps',
      'create: drop, 0 steps',
      'delete: drop, 0 steps',
      'delete: drop, 1 steps',
      'delete: drop, 2 steps',
      'delete: keep, 0 steps',
      'delete: keep, 1 steps',
      'delete: keep, 2 steps',
      'nothing was pending',
    ]);
  });
});
