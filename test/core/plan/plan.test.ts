import { describe, expect, it } from 'vitest';
import { finishPlan } from '../../../src/core/plan/plan.js';
import { problem } from '../../../src/core/problem.js';
import { applyStep, type Step } from '../../../src/index.js';
import { domain, line } from '../../support/builders.js';

const steps: readonly Step[] = ['monday', 'tuesday'].map((bitmap) => ({
  command: { kind: 'transaction', actions: [{ kind: 'bitmap-remove', nodeName: 'vda-active', bitmap }] },
  why: 'It is a test.',
}));

describe('finishPlan', () => {
  it('tells where the steps lead by applying them one after the other', () => {
    const plan = finishPlan(domain(), steps, line('a'));
    expect(plan).toStrictEqual({ steps, next: { ...steps.reduce(applyStep, domain()), checkpoints: line('a') } });
    expect(plan.next.disks[0]?.backingChain[0]?.bitmaps).toEqual([]);
  });

  it('has warnings only where there are some', () => {
    const warnings = [problem({ code: 'disk-gone', diskTarget: 'vda', checkpoint: 'a' })];
    expect(finishPlan(domain(), [], line('a'), warnings).warnings).toBe(warnings);
    expect(finishPlan(domain(), [], line('a'), [])).not.toHaveProperty('warnings');
  });
});
