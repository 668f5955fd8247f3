import { describe, expect, it } from 'vitest';
import {
  ancestorsOf,
  type Checkpoint,
  childrenOf,
  descendantsOf,
  findCheckpoint,
  inTopologicalOrder,
  leavesOf,
  nonLeavesOf,
  parentOf,
  parseCheckpointTree,
  planRedefineCheckpoint,
  rootsOf,
} from '../../../src/index.js';
import { checkpointTree } from '../../support/arbitrary-domain.js';
import { freshDomain } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';

const names = (checkpoints: readonly Checkpoint[]) => checkpoints.map(({ name }) => name);
const sorted = (checkpoints: readonly Checkpoint[]) => names(checkpoints).toSorted();

describe('trees of checkpoints', () => {
  it('parse, and are the same frozen or not', () => {
    forAll(checkpointTree(), (tree) => {
      const frozen = parseCheckpointTree(tree);
      expect(frozen).toStrictEqual(tree);
      for (const { name } of tree.checkpoints) {
        expect(findCheckpoint(frozen, name)).toStrictEqual(findCheckpoint(tree, name));
        expect(ancestorsOf(frozen, name)).toStrictEqual(ancestorsOf(tree, name));
        expect(descendantsOf(frozen, name)).toStrictEqual(descendantsOf(tree, name));
      }
    });
  });

  it('are put in an order that has everyone once, parents first, and stays when it is put in order again', () => {
    forAll(checkpointTree(), (tree) => {
      const ordered = inTopologicalOrder(tree);
      expect(sorted(ordered)).toEqual(sorted(tree.checkpoints));
      ordered.forEach(({ parent }, place) => {
        if (parent !== undefined) expect(names(ordered.slice(0, place))).toContain(parent);
      });
      expect(inTopologicalOrder({ checkpoints: ordered })).toStrictEqual(ordered);
    });
  });

  it('fall into leaves and the others, and hang from their roots', () => {
    forAll(checkpointTree(), (tree) => {
      expect(sorted([...leavesOf(tree), ...nonLeavesOf(tree)])).toEqual(sorted(tree.checkpoints));
      for (const leaf of leavesOf(tree)) expect(childrenOf(tree, leaf.name)).toEqual([]);
      for (const other of nonLeavesOf(tree)) expect(childrenOf(tree, other.name)).not.toEqual([]);
      const reached = rootsOf(tree).flatMap((root) => [root, ...descendantsOf(tree, root.name)]);
      expect(sorted(reached)).toEqual(sorted(tree.checkpoints));
    });
  });

  it('tell the same about relatives from either side', () => {
    forAll(checkpointTree(), (tree) => {
      for (const one of tree.checkpoints) {
        const parent = parentOf(tree, one.name);
        expect(names(ancestorsOf(tree, one.name))).toEqual(
          parent === undefined ? [] : [parent.name, ...names(ancestorsOf(tree, parent.name))],
        );
        for (const other of tree.checkpoints) {
          expect(names(childrenOf(tree, other.name)).includes(one.name)).toBe(parent?.name === other.name);
          expect(names(descendantsOf(tree, other.name)).includes(one.name)).toBe(
            names(ancestorsOf(tree, one.name)).includes(other.name),
          );
        }
      }
    });
  });

  it('come back whole when they are put back into an empty one, in whatever order', () => {
    forAll(checkpointTree(), (tree) => {
      const { next } = planRedefineCheckpoint(freshDomain(), tree.checkpoints);
      expect(next.checkpoints.checkpoints).toStrictEqual(inTopologicalOrder(tree));
      expect(planRedefineCheckpoint(next, tree.checkpoints).next).toStrictEqual(next);
    });
  });
});
