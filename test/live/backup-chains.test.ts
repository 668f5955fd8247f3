import { expect, it } from 'vitest';
import { soakBackups } from '../soak/backups.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';

describeOnEachQemu('random chains of backups', (qemu) => {
  it('have the bases that their model says, and every point restores byte by byte', { timeout: 240_000 }, async () => {
    expect(await soakBackups(qemu, { chains: 2, seed: 5000 })).toMatchObject({ chains: 2, faults: [] });
  });
});
