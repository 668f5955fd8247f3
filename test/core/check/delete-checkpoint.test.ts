import { describe, expect, it } from 'vitest';
import { checkDeleteCheckpoint } from '../../../src/index.js';
import { bitmap, chain, disk, domain, node } from '../../support/builders.js';
import { codesOf, detailsOf, refusal } from '../../support/refusal.js';

const busy = bitmap('monday', { busy: true });

describe('checkDeleteCheckpoint', () => {
  it('finds nothing wrong with a checkpoint that is there', () => {
    expect(checkDeleteCheckpoint(domain(), 'monday')).toEqual([]);
  });

  it.each(['friday', '', '__proto__', 'constructor'])('does not find the checkpoint "%s"', (name) => {
    expect(detailsOf(checkDeleteCheckpoint(domain(), name))).toEqual([
      { code: 'checkpoint-not-found', checkpoint: name },
    ]);
  });

  it.each(['everything', 'Delete', null, 1, true])(
    'refuses %j as a word on children: nothing is deleted by a slip',
    (children) => {
      const problems = checkDeleteCheckpoint(domain(), 'monday', { children: children as never });
      expect(problems).toMatchObject([{ code: 'invalid-input', subject: 'options', path: ['children'] }]);
    },
  );

  it('looks at the bitmaps of the children only where they go too', () => {
    const given = domain({
      disks: [disk('vda', [node('n', { bitmaps: [bitmap('tuesday', { busy: true }), 'monday'] })])],
    });
    expect(codesOf(checkDeleteCheckpoint(given, 'monday'))).toEqual([]);
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete' }))).toEqual(['bitmap-busy']);
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete-only' }))).toEqual(['bitmap-busy']);
    expect(codesOf(checkDeleteCheckpoint(given, 'tuesday', { children: 'delete-only' }))).toEqual([]);
  });

  it('does not look at the bitmap of the checkpoint itself where only those below it go', () => {
    const given = domain({ disks: [disk('vda', chain('vda', [['tuesday', busy]]))] });
    expect(codesOf(checkDeleteCheckpoint(given, 'monday', { children: 'delete-only' }))).toEqual([]);
    expect(codesOf(checkDeleteCheckpoint(given, 'monday'))).toEqual(['bitmap-busy']);
  });

  it.each<[string, () => unknown]>([
    ['no domain', () => checkDeleteCheckpoint(null as never, 'monday')],
    ['no options', () => checkDeleteCheckpoint(domain(), 'monday', null as never)],
    [
      'a disk without a chain',
      () => checkDeleteCheckpoint(domain({ disks: [{ diskTarget: 'vda' } as never] }), 'monday'),
    ],
  ])('tells that it was given %s', (_, run) => {
    expect(new Set(codesOf(refusal(run)))).toEqual(new Set(['invalid-input']));
  });
});
