import { describe, expect, it } from 'vitest';
import { backupIdOf, backupNodeNameOf } from '../../../src/core/check/backup-names.js';

describe('what a backup’s own are called', () => {
  it.each([
    ['vda', 'checkpoint-backup-vda', 'checkpoint-backup-vda'],
    ['virtio00', 'checkpoint-backup-virtio00', 'checkpoint-backup-virtio00'],
    ['drive-scsi0', 'checkpoint-backup-drive-scsi0', 'checkpoint-backup-ve-scsi0'],
    ['é/a', 'checkpoint-backup-..a', 'checkpoint-backup-..a'],
  ])('of disk %s', (diskTarget, id, nodeName) => {
    expect(backupIdOf(diskTarget)).toBe(id);
    expect(backupNodeNameOf(diskTarget)).toBe(nodeName);
    expect(`${nodeName}-file`.length).toBeLessThanOrEqual(31);
  });

  it('keeps apart disks with long names that differ at their end', () => {
    expect(backupNodeNameOf('drive-virtio-disk0')).not.toBe(backupNodeNameOf('drive-virtio-disk1'));
  });
});
