import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyStep,
  type Bitmap,
  checkCreateCheckpoint,
  checkDeleteCheckpoint,
  type Domain,
  isPlanDone,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  type Step,
} from '../../../src/index.js';
import { arbitraryDomain } from '../../support/arbitrary-domain.js';
import { now } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';

/** A domain and a plan with steps for it; which checkpoint is deleted is picked by a number, no number makes one. */
const plans = fc
  .tuple(arbitraryDomain, fc.option(fc.nat({ max: 7 }), { nil: undefined }), fc.boolean())
  .map(([domain, pick, below]) => ({ domain, plan: planOf(domain, pick, below) }))
  .filter((given): given is { domain: Domain; plan: Plan } => (given.plan?.steps.length ?? 0) > 0);

function planOf(domain: Domain, pick: number | undefined, below: boolean): Plan | undefined {
  if (pick === undefined) {
    const definition = { name: 'new' };
    if (checkCreateCheckpoint(domain, definition, { now }).length > 0) return undefined;
    return planCreateCheckpoint(domain, definition, { now });
  }
  const { checkpoints } = domain.checkpoints;
  const name = checkpoints[pick % Math.max(checkpoints.length, 1)]?.name;
  const options = { children: below ? 'delete' : 'keep' } as const;
  if (name === undefined || checkDeleteCheckpoint(domain, name, options).length > 0) return undefined;
  return planDeleteCheckpoint(domain, name, options);
}

/** The domain with another state of each bitmap; those that become nothing are gone. */
function withBitmaps(
  domain: Domain,
  change: (bitmap: Bitmap, nodeName: string) => Bitmap | undefined = (bitmap) => bitmap,
): Domain {
  const disks = domain.disks.map((disk) => ({
    ...disk,
    backingChain: disk.backingChain.map((node) => ({
      ...node,
      bitmaps: node.bitmaps.flatMap((bitmap) => change(bitmap, node.nodeName) ?? []),
    })),
  }));
  return { ...domain, disks };
}

const targetsOf = ({ steps }: Plan) =>
  steps.flatMap(({ command }) => (command.kind === 'transaction' ? command.actions : []));

/** All that a plan leads to when some of it is left undone: its last steps, or one action of a transaction. */
function halfDone(domain: Domain, { steps }: Plan): readonly Domain[] {
  const cutOff = steps.map((_, place) => steps.slice(0, place));
  const lacking = steps.flatMap((step, place): readonly (readonly Step[])[] => {
    const { command } = step;
    if (command.kind !== 'transaction') return [];
    return command.actions.map((left) => {
      const actions = command.actions.filter((action) => action !== left);
      return steps.with(place, { ...step, command: { kind: 'transaction', actions } });
    });
  });
  return [...cutOff, ...lacking].map((some) => some.reduce(applyStep, domain));
}

describe('whatever is planned', () => {
  it('is recognised when it is done, whatever the guest and others have done meanwhile', () => {
    forAll(fc.tuple(plans, fc.nat()), ([{ plan }, written]) => {
      const touched = new Set(targetsOf(plan).map((action) => 'bitmap' in action && action.bitmap));
      const meanwhile = withBitmaps(plan.next, (bitmap) => {
        const state = { ...bitmap, dirtyBytes: bitmap.dirtyBytes + written, busy: !bitmap.busy };
        return touched.has(bitmap.name) ? state : { ...state, recording: !bitmap.recording };
      });
      expect(isPlanDone(plan.next, plan)).toBe(true);
      expect(isPlanDone(meanwhile, plan)).toBe(true);
    });
  });

  it('is not taken for done when it is not, or not wholly', () => {
    let partly = 0;
    forAll(
      plans,
      ({ domain, plan }) => {
        const states = halfDone(domain, plan);
        partly += states.length - 1;
        for (const state of states) expect(isPlanDone(state, plan)).toBe(false);
      },
      300,
    );
    expect(partly).toBeGreaterThan(100);
  });

  it('is not taken for done when one bitmap of it is lost, stopped, or no longer well or kept', () => {
    const losses: readonly ((bitmap: Bitmap) => Bitmap | undefined)[] = [
      () => undefined,
      (bitmap) => ({ ...bitmap, recording: false }),
      (bitmap) => ({ ...bitmap, persistent: false }),
      (bitmap) => ({ ...bitmap, inconsistent: true }),
    ];
    let lost = 0;
    const law = ({ plan }: { readonly plan: Plan }) => {
      for (const action of targetsOf(plan)) {
        if (action.kind !== 'bitmap-add') continue;
        for (const loss of losses) {
          const state = withBitmaps(plan.next, (bitmap, nodeName) =>
            nodeName === action.nodeName && bitmap.name === action.bitmap ? loss(bitmap) : bitmap,
          );
          expect(isPlanDone(state, plan)).toBe(false);
          lost += 1;
        }
      }
    };
    forAll(plans, law, 300);
    expect(lost).toBeGreaterThan(50);
  });

  it('is not taken for done when a disk of it is not there', () => {
    forAll(plans, ({ plan }) => {
      expect(isPlanDone({ ...plan.next, disks: [] }, plan)).toBe(false);
    });
  });
});
