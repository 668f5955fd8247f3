import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CheckpointDefinition,
  checkCreateCheckpoint,
  checkDeleteCheckpoint,
  checkRedefineCheckpoint,
  type DeleteOptions,
  type Domain,
  type Plan,
  type Problem,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
} from '../../../src/index.js';
import { arbitraryDomain, checkpointName, checkpointTree } from '../../support/arbitrary-domain.js';
import { now } from '../../support/builders.js';
import { expectPlanLaws } from '../../support/expect-plan.js';
import { forAll } from '../../support/for-all.js';
import { refusal } from '../../support/refusal.js';

const definitions: fc.Arbitrary<CheckpointDefinition> = fc.record(
  {
    name: checkpointName,
    description: fc.string(),
    disks: fc.array(
      fc.record(
        {
          disk: fc.constantFrom('vda', 'vdb', 'sda', '/images/vda-0.qcow2'),
          checkpoint: fc.constantFrom('bitmap', 'no'),
          bitmap: fc.oneof(checkpointName, fc.constant('foreign.1')),
          granularity: fc.constantFrom(512, 65536, 2 ** 31),
        },
        { requiredKeys: ['disk'] },
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: [] },
);

const deletions = fc.record({
  pick: fc.nat(),
  options: fc.record(
    {
      children: fc.constantFrom<NonNullable<DeleteOptions['children']>>('keep', 'delete', 'delete-only'),
      metadataOnly: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
});

/** Planning refuses with just what the check lists, and where that is nothing QEMU takes what is planned. */
function agrees(domain: Domain, problems: readonly Problem[], plan: (domain: Domain) => Plan): Plan | undefined {
  expect(refusal(() => plan(domain))).toStrictEqual(problems);
  return problems.length === 0 ? expectPlanLaws(domain, plan) : undefined;
}

describe('whatever domain it is and whatever is asked for', () => {
  it('a create is refused with all its problems, or QEMU takes it: one transaction that only adds', () => {
    let made = 0;
    forAll(
      fc.tuple(arbitraryDomain, definitions),
      ([domain, definition]) => {
        const problems = checkCreateCheckpoint(domain, definition, { now });
        const plan = agrees(domain, problems, (given) => planCreateCheckpoint(given, definition, { now }));
        if (plan === undefined) return;
        made += plan.steps.length;
        expect(plan.steps.length).toBeLessThanOrEqual(1);
        for (const { command } of plan.steps) {
          const actions = command.kind === 'transaction' ? command.actions : [];
          expect(new Set(actions.map(({ kind }) => kind))).toEqual(new Set(['bitmap-add']));
        }
        expectOthersUntouched(domain, plan);
      },
      1000,
    );
    expect(made).toBeGreaterThan(50);
  });

  it('a delete is refused with all its problems, or QEMU takes it: it removes what goes and nothing else', () => {
    let removed = 0;
    forAll(
      fc.tuple(arbitraryDomain, deletions),
      ([domain, { pick, options }]) => {
        const { checkpoints } = domain.checkpoints;
        const name = checkpoints[pick % (checkpoints.length + 1)]?.name ?? 'not there';
        const problems = checkDeleteCheckpoint(domain, name, options);
        const plan = agrees(domain, problems, (given) => planDeleteCheckpoint(given, name, options));
        if (plan === undefined) return;
        removed += plan.steps.length;
        const staying = plan.next.checkpoints.checkpoints.map((each) => each.name);
        const going = checkpoints.filter((each) => !staying.includes(each.name));
        for (const [disk, { diskTarget, backingChain }] of domain.disks.entries()) {
          const doomed = going.flatMap(({ disks }) =>
            disks.flatMap((each) => (each.diskTarget === diskTarget && !options.metadataOnly ? [each.bitmap] : [])),
          );
          expect(plan.next.disks[disk]?.backingChain).toStrictEqual(
            backingChain.map((node) => ({
              ...node,
              bitmaps: node.bitmaps.filter((each) => !doomed.includes(each.name)),
            })),
          );
        }
      },
      1000,
    );
    expect(removed).toBeGreaterThan(50);
  });

  it('a redefine is refused with all its problems, or changes the metadata alone', () => {
    let validated = 0;
    forAll(
      fc.tuple(arbitraryDomain, checkpointTree(['vda', 'vdb']), fc.boolean()),
      ([domain, { checkpoints }, validate]) => {
        const problems = checkRedefineCheckpoint(domain, checkpoints, { validate });
        const plan = agrees(domain, problems, (given) => planRedefineCheckpoint(given, checkpoints, { validate }));
        if (plan === undefined) return;
        validated += 1;
        expect(plan.steps).toEqual([]);
        expect(plan.next.disks).toStrictEqual(domain.disks);
      },
      500,
    );
    expect(validated).toBeGreaterThan(50);
  });
});

function expectOthersUntouched(domain: Domain, plan: Plan): void {
  const added = plan.next.checkpoints.checkpoints.at(-1)?.disks ?? [];
  for (const [disk, { diskTarget, backingChain }] of plan.next.disks.entries()) {
    const own = added.find((each) => each.diskTarget === diskTarget)?.bitmap;
    const before = backingChain.map((node, layer) =>
      layer === 0 && own !== undefined ? { ...node, bitmaps: node.bitmaps.filter(({ name }) => name !== own) } : node,
    );
    expect(before).toStrictEqual(domain.disks[disk]?.backingChain);
  }
}
