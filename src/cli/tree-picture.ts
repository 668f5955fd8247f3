import type { CheckpointTree } from '../core/model/checkpoint-tree.js';
import { rootsOf } from '../core/tree/filters.js';
import { childrenByParent } from '../core/tree/relatives.js';

/**
 * Draws how checkpoints hang together, each below its parent.
 *
 * @example
 * ```
 * monday
 * └─ tuesday
 *    ├─ wednesday
 *    └─ thursday  (current)
 * ```
 */
export function drawTree(tree: CheckpointTree): readonly string[] {
  const children = childrenByParent(tree);
  const provisional = new Set(tree.checkpoints.flatMap((each) => (each.provisional ? [each.name] : [])));
  const lines: string[] = [];
  // A stack instead of recursion: a tree may be thousands deep.
  const waiting = rootsOf(tree)
    .map(({ name }) => ({ name, branch: '', below: '' }))
    .toReversed();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { name, branch, below } = next;
    const marks = [...(name === tree.current ? ['current'] : []), ...(provisional.has(name) ? ['provisional'] : [])];
    lines.push(`${branch}${name}${marks.length === 0 ? '' : `  (${marks.join(', ')})`}`);
    const ofThis = children.get(name) ?? [];
    ofThis.forEach((_, place) => {
      const last = place === 0;
      const child = ofThis[ofThis.length - 1 - place];
      if (child === undefined) return;
      waiting.push({
        name: child.name,
        branch: `${below}${last ? '└─ ' : '├─ '}`,
        below: `${below}${last ? '   ' : '│  '}`,
      });
    });
  }
  return lines;
}
