import { describe, expect, it } from 'vitest';
import { foreignBitmaps } from '../../../src/core/tree/foreign-bitmaps.js';
import { bitmap, chain, disk, domain } from '../../support/builders.js';

describe('foreignBitmaps', () => {
  it('lists what no checkpoint names, on whatever layer, and whether it is held', () => {
    const layers = [
      ['tuesday', bitmap('backup-vda', { busy: true })],
      ['monday', 'libvirt-tmp-size-xml'],
    ];
    expect(foreignBitmaps(domain({ disks: [disk('vda', chain('vda', layers))] }))).toEqual([
      { diskTarget: 'vda', nodeName: 'vda-active', bitmap: 'backup-vda', busy: true },
      { diskTarget: 'vda', nodeName: 'vda-1', bitmap: 'libvirt-tmp-size-xml', busy: false },
    ]);
  });

  it('lists none where all are of checkpoints', () => {
    expect(foreignBitmaps(domain())).toEqual([]);
  });
});
