import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockNode, checkBitmapChain } from '../../../src/index.js';
import { backingChain } from '../../support/arbitrary-domain.js';
import { forAll } from '../../support/for-all.js';
import { codesOf } from '../../support/refusal.js';

/** Each layer as one letter: `.` without the bitmap, `i` inconsistent, `x` stopped and transient, `s` stopped, `t` transient, `g` good. */
function spell(layers: readonly BlockNode[], name: string): string {
  const letters = layers.map(({ bitmaps }) => {
    const found = bitmaps.filter((each) => each.name === name)[0];
    if (!found) return '.';
    if (found.inconsistent) return found.persistent ? 'i' : 'j';
    if (!found.recording && !found.persistent) return 'x';
    if (!found.recording) return 's';
    return found.persistent ? 'g' : 't';
  });
  return letters.join('');
}

/** What is to be found, read off the letters: an oracle that knows nothing of how the chain is walked. */
function expectedCodes(spelled: string, origin: number | undefined): readonly string[] {
  if (/^\.*$/.test(spelled)) return ['bitmap-missing'];
  const codes = [...spelled].flatMap((letter, layer) => [
    ...(layer === 0 && letter === '.' ? ['bitmap-not-on-active-layer'] : []),
    ...(/[^.]\.+.*[^.]$/.test(spelled.slice(0, layer + 1)) && letter !== '.' ? ['bitmap-gap'] : []),
    ...('ij'.includes(letter) ? ['bitmap-inconsistent'] : []),
    ...('xs'.includes(letter) ? ['bitmap-not-recording'] : []),
    ...('xtj'.includes(letter) ? ['bitmap-transient'] : []),
  ]);
  if (origin !== undefined && (spelled[origin] ?? '.') === '.') codes.push('bitmap-not-down-to-origin');
  return codes;
}

const chains = backingChain('vda', ['a', 'other'], { minLength: 0, maxLength: 6 });

describe('checkBitmapChain', () => {
  it('agrees with an oracle on any chain of up to six layers', () => {
    const spellings = new Set<string>();
    forAll(
      fc.tuple(chains, fc.option(fc.nat({ max: 6 }), { nil: undefined })),
      ([layers, origin]) => {
        const spelled = spell(layers, 'a');
        spellings.add(spelled);
        const options = origin === undefined ? {} : { madeOn: `/images/vda-${origin}.qcow2` };
        expect(codesOf(checkBitmapChain(layers, 'a', options))).toEqual(expectedCodes(spelled, origin));
      },
      3000,
    );
    expect(spellings.size).toBeGreaterThan(500);
  });

  it('calls a bitmap usable just where good layers reach from the top to its end without a gap', () => {
    forAll(
      chains,
      (layers) => {
        expect(checkBitmapChain(layers, 'a').length === 0).toBe(/^g+\.*$/.test(spell(layers, 'a')));
      },
      2000,
    );
  });

  it('names in each problem the layer that it is about', () => {
    forAll(
      chains,
      (layers) => {
        for (const problem of checkBitmapChain(layers, 'a', { diskTarget: 'vda', madeOn: '/images/vda-2.qcow2' })) {
          const nodeName = 'nodeName' in problem ? problem.nodeName : undefined;
          if (nodeName !== undefined) expect(layers.map((layer) => layer.nodeName)).toContain(nodeName);
          expect(problem).toMatchObject({ bitmap: 'a', diskTarget: 'vda' });
        }
      },
      500,
    );
  });
});
