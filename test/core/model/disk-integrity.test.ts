import { describe, expect, it } from 'vitest';
import { checkDisks, repeated } from '../../../src/core/model/disk-integrity.js';
import { chain, disk, node } from '../../support/builders.js';
import { detailsOf } from '../../support/refusal.js';

describe('checkDisks', () => {
  it('finds nothing wrong with disks that share a base, or a bitmap’s name', () => {
    const base = node('base', { bitmaps: ['a'] });
    expect(checkDisks([disk('vda', [node('x', { bitmaps: ['a'] }), base]), disk('vdb', [node('y'), base])])).toEqual(
      [],
    );
  });

  it('names each target that is there twice, once', () => {
    const three = [disk('vda'), disk('vdb'), disk('vda'), disk('vda'), disk('__proto__'), disk('__proto__')];
    expect(detailsOf(checkDisks(three))).toEqual([
      { code: 'disk-duplicate', diskTarget: 'vda' },
      { code: 'disk-duplicate', diskTarget: '__proto__' },
    ]);
  });

  it('names each bitmap that is on one node twice', () => {
    const twice = disk('vda', chain('vda', [['a'], ['b', 'a', 'b']]));
    expect(detailsOf(checkDisks([twice]))).toEqual([
      { code: 'bitmap-duplicate', diskTarget: 'vda', nodeName: 'vda-1', bitmap: 'b' },
    ]);
  });
});

describe('repeated', () => {
  it('gives each name that is there more than once, in the order it is there again', () => {
    expect(repeated(['a', 'b', 'c', 'b', 'a', 'a', 'constructor'])).toEqual(['b', 'a']);
    expect(repeated([])).toEqual([]);
  });
});
