import { describe, expect, it } from 'vitest';
import { isPlanDone } from '../../../src/core/plan/is-plan-done.js';
import {
  type Action,
  type Bitmap,
  type BlockNode,
  type Domain,
  type Plan,
  planCreateCheckpoint,
  planDeleteCheckpoint,
} from '../../../src/index.js';
import { bitmap, chain, disk, domain, now } from '../../support/builders.js';
import { codesOf, refusal } from '../../support/refusal.js';

const layered = domain({ disks: [disk('vda', chain('vda', [['monday'], ['monday', 'old']])), disk('vdb')] });
const halfDone = [disk('vda', chain('vda', [[], ['monday', 'old']])), disk('vdb')];
const create = planCreateCheckpoint(layered, { name: 'new' }, { now });
const remove = planDeleteCheckpoint(layered, 'monday');

/** The domain with a change to every bitmap of every node. */
const withBitmaps = (
  given: Domain,
  change: (bitmap: Bitmap) => Bitmap,
  ofNode: (node: BlockNode) => BlockNode = (each) => each,
): Domain => ({
  ...given,
  disks: given.disks.map((each) => ({
    ...each,
    backingChain: each.backingChain.map((layer) => ({ ...ofNode(layer), bitmaps: layer.bitmaps.map(change) })),
  })),
});
const onlyNew = (change: Partial<Bitmap>) => (each: Bitmap) => (each.name === 'new' ? { ...each, ...change } : each);

describe('isPlanDone', () => {
  it.each<[string, Plan, Domain, boolean]>([
    ['a create that was not sent', create, layered, false],
    ['a create that is done', create, create.next, true],
    [
      'a create since which the guest has written',
      create,
      withBitmaps(create.next, (each) => ({ ...each, dirtyBytes: 65536 })),
      true,
    ],
    ['a create whose bitmap is held by an export', create, withBitmaps(create.next, onlyNew({ busy: true })), true],
    [
      'a create since which another bitmap went',
      create,
      withBitmaps(create.next, (each) => (each.name === 'old' ? bitmap('x') : each)),
      true,
    ],
    ['a create whose bitmap was stopped', create, withBitmaps(create.next, onlyNew({ recording: false })), false],
    ['a create whose bitmap is transient', create, withBitmaps(create.next, onlyNew({ persistent: false })), false],
    ['a create whose bitmap is inconsistent', create, withBitmaps(create.next, onlyNew({ inconsistent: true })), false],
    [
      'a create that is done on one disk of two',
      create,
      { ...create.next, disks: [create.next.disks[0], layered.disks[1]] as Domain['disks'] },
      false,
    ],
    [
      'a create on a disk that has left the domain',
      create,
      { ...create.next, disks: create.next.disks.slice(0, 1) },
      false,
    ],
    ['a delete that was not sent', remove, layered, false],
    ['a delete that is done', remove, remove.next, true],
    [
      'a delete whose base was left open for writing',
      remove,
      withBitmaps(
        remove.next,
        (each) => each,
        (each) => ({ ...each, readOnly: false }),
      ),
      false,
    ],
    ['a delete that is done but for one layer', remove, { ...layered, disks: halfDone }, false],
    ['a plan without steps', { steps: [], next: layered }, layered, false],
  ])('of %s', (_, plan, observed, expected) => {
    expect(isPlanDone(observed, plan)).toBe(expected);
  });

  it.each<[string, Action]>([
    ['merges', { kind: 'bitmap-merge', nodeName: 'vda-active', intoBitmap: 'monday', sources: [] }],
    ['clears', { kind: 'bitmap-clear', nodeName: 'vda-active', bitmap: 'monday' }],
    ['takes a snapshot', { kind: 'snapshot-take', nodeName: 'vda-active', overlayNodeName: 'o' }],
    ['closes a node', { kind: 'node-remove', nodeName: 'o' }],
  ])('does not recognise a plan that %s, for that cannot be seen', (_, action) => {
    const command =
      action.kind === 'node-remove'
        ? action
        : ({ kind: 'transaction', actions: [action] } as Plan['steps'][number]['command']);
    const plan: Plan = { steps: [...create.steps, { command, why: 'It is a test.' }], next: create.next };
    expect(isPlanDone(create.next, plan)).toBe(false);
  });

  it.each<[string, () => unknown]>([
    ['no domain', () => isPlanDone(null as never, create)],
    ['no plan', () => isPlanDone(layered, undefined as never)],
  ])('tells that it was given %s', (_, run) => {
    expect(codesOf(refusal(run))).toEqual(['invalid-input']);
  });
});
