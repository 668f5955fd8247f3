import { type Problem, problem } from '../problem.js';
import type { CheckpointTree } from './checkpoint-tree.js';
import { repeated } from './disk-integrity.js';

/** What keeps checkpoints from being a tree: names that are there twice, parents that are not there, circles. */
export function checkTree(tree: CheckpointTree): readonly Problem[] {
  const { checkpoints, current } = tree;
  const parents = new Map(checkpoints.map(({ name, parent }) => [name, parent]));
  const problems = repeated(checkpoints.map(({ name }) => name)).map((checkpoint) =>
    problem({ code: 'checkpoint-duplicate', checkpoint }),
  );
  const inCircle = namesInCircles(parents);
  for (const { name, parent, disks } of checkpoints) {
    if (parent !== undefined && !parents.has(parent)) {
      problems.push(problem({ code: 'parent-not-found', checkpoint: name, parent }));
    }
    if (parent !== undefined && inCircle.has(name)) {
      problems.push(problem({ code: 'parent-cycle', checkpoint: name, parent }));
    }
    for (const disk of repeated(disks.map(({ diskTarget }) => diskTarget))) {
      problems.push(problem({ code: 'disk-asked-twice', checkpoint: name, disk }));
    }
  }
  if (current !== undefined && !parents.has(current)) {
    problems.push(problem({ code: 'current-not-found', checkpoint: current }));
  }
  return problems;
}

/** The checkpoints that are their own ancestors. Each name is walked over once, however deep the tree. */
function namesInCircles(parents: ReadonlyMap<string, string | undefined>): ReadonlySet<string> {
  const inCircle = new Set<string>();
  const walkOf = new Map<string, string>();
  for (const start of parents.keys()) {
    let name: string | undefined = start;
    while (name !== undefined && parents.has(name) && !walkOf.has(name)) {
      walkOf.set(name, start);
      name = parents.get(name);
    }
    // The walk met its own path again: from there on it goes round in a circle.
    while (name !== undefined && walkOf.get(name) === start && !inCircle.has(name)) {
      inCircle.add(name);
      name = parents.get(name);
    }
  }
  return inCircle;
}
