import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ancestorsOf,
  applyStep,
  type BlockNode,
  type CheckpointTree,
  checkBitmapChain,
  checkCreateCheckpoint,
  checkDeleteCheckpoint,
  checkRedefineCheckpoint,
  childrenOf,
  type Domain,
  descendantsOf,
  findCheckpoint,
  inTopologicalOrder,
  leavesOf,
  nonLeavesOf,
  parentOf,
  parseCheckpoint,
  parseCheckpointDefinition,
  parseCheckpointTree,
  parseDomain,
  planBitmapMerge,
  planCreateCheckpoint,
  planDeleteCheckpoint,
  planRedefineCheckpoint,
  rootsOf,
} from '../../../src/index.js';
import { arbitraryDomain } from '../../support/arbitrary-domain.js';
import {
  damage,
  damaged,
  fingerprint,
  makeNonsense,
  nested,
  nonsenseNames,
} from '../../support/arbitrary-malformed.js';
import { bitmap, chain, checkpoint, disk, domain, line, node, now } from '../../support/builders.js';
import { forAll } from '../../support/for-all.js';
import { refusal } from '../../support/refusal.js';

type Calls = (input: never) => readonly (() => unknown)[];

const layered = domain({
  disks: [
    disk('vda', [
      node('top', { bitmaps: ['monday'], reopenOptions: { cache: { direct: true } } }),
      ...chain('vdb', [['monday'], ['monday']]),
    ]),
    disk('vdc'),
  ],
});
const whole = layered.checkpoints.checkpoints;

const treeCalls: Calls = (tree: CheckpointTree) => [
  () => parseCheckpointTree(tree),
  () => findCheckpoint(tree, 'tuesday'),
  () => parentOf(tree, 'tuesday'),
  () => childrenOf(tree, 'monday'),
  () => ancestorsOf(tree, 'tuesday'),
  () => descendantsOf(tree, 'monday'),
  () => rootsOf(tree),
  () => leavesOf(tree),
  () => nonLeavesOf(tree),
  () => inTopologicalOrder(tree),
  () => checkDeleteCheckpoint({ ...layered, checkpoints: tree }, 'monday', { children: 'delete' }),
  () => planRedefineCheckpoint({ ...layered, checkpoints: tree }, checkpoint('friday'), { validate: true }),
];

const chainCalls: Calls = (backingChain: readonly BlockNode[]) => [
  () => checkBitmapChain(backingChain, 'monday', { madeOn: '/images/vdb-1.qcow2', diskTarget: 'vda' }),
  () =>
    planBitmapMerge(backingChain, { into: { node: node('target') }, activeWriteNode: 'target', baseNodeName: 'vdb-1' }),
  () => planCreateCheckpoint({ ...layered, disks: [{ ...disk('vda'), backingChain }] }, { name: 'friday' }, { now }),
  () => planDeleteCheckpoint({ ...layered, disks: [{ ...disk('vda'), backingChain }] }, 'monday'),
];

const domainCalls: Calls = (given: Domain) => [
  () => parseDomain(given),
  () => checkCreateCheckpoint(given, {}, { now }),
  () => planCreateCheckpoint(given, { name: 'friday', disks: [{ disk: 'vda' }, { disk: '/images/vdb' }] }, { now }),
  () => checkDeleteCheckpoint(given, 'monday', { children: 'delete' }),
  () => planDeleteCheckpoint(given, 'monday'),
  () => planDeleteCheckpoint(given, 'tuesday', { metadataOnly: true }),
  () => checkRedefineCheckpoint(given, whole, { validate: true }),
  () => planRedefineCheckpoint(given, checkpoint('friday', { parent: 'monday' })),
  () =>
    applyStep(given, {
      command: { kind: 'transaction', actions: [{ kind: 'bitmap-clear', nodeName: 'top', bitmap: 'monday' }] },
      why: '',
    }),
];

const definitionCalls: Calls = (definition) => [
  () => parseCheckpointDefinition(definition),
  () => checkCreateCheckpoint(layered, definition, { now }),
  () => planCreateCheckpoint(layered, definition, { now }),
];

const checkpointCalls: Calls = (put) => [
  () => parseCheckpoint(put),
  () => checkRedefineCheckpoint(layered, put, { validate: true }),
  () => planRedefineCheckpoint(layered, [checkpoint('friday'), put], { validate: true }),
];

const argumentCalls: Calls = (argument) => [
  () => checkCreateCheckpoint(layered, {}, argument),
  () => planCreateCheckpoint(layered, {}, { now: argument }),
  () => planDeleteCheckpoint(layered, argument),
  () => planDeleteCheckpoint(layered, 'monday', argument),
  () => planDeleteCheckpoint(layered, 'monday', { children: argument, metadataOnly: argument }),
  () => checkRedefineCheckpoint(layered, [], argument),
  () => checkRedefineCheckpoint(layered, whole, { validate: argument }),
  () => checkBitmapChain(layered.disks[0]?.backingChain ?? [], argument, {}),
  () => checkBitmapChain(layered.disks[0]?.backingChain ?? [], 'monday', argument),
  () => checkBitmapChain([], 'monday', { madeOn: argument, diskTarget: argument }),
  () => findCheckpoint(layered.checkpoints, argument),
  () => descendantsOf(layered.checkpoints, argument),
];

const stepCalls: Calls = (step) => [() => applyStep(layered, step)];

const requestCalls: Calls = (request) => [() => planBitmapMerge(layered.disks[0]?.backingChain ?? [], request)];

/** Each call gives a value or refuses as it should, and together they leave the input as it was. */
function expectGoodManners(calls: Calls, input: unknown): void {
  const before = fingerprint(input);
  for (const call of calls(input as never)) {
    const refused = refusal(call);
    if (refused.some(({ text }) => text.includes('\n'))) throw new Error(`a text of ${call} takes more than one line`);
  }
  if (fingerprint(input) !== before) expect(fingerprint(input)).toBe(before);
}

const merge = {
  bitmap: 'monday',
  baseNodeName: 'vdb-1',
  into: { node: node('target', { bitmaps: ['monday'] }), bitmap: 'backup' },
  activeWriteNode: node('target'),
};
const steps = [
  ...planDeleteCheckpoint(layered, 'monday').steps,
  ...planCreateCheckpoint(layered, { name: 'a' }, { now }).steps,
];

// Together 20,000 damaged values.
const subjects: readonly [string, Calls, fc.Arbitrary<unknown>, number][] = [
  ['domain', domainCalls, arbitraryDomain, 2000],
  ['domain that is layered', domainCalls, fc.constant(layered), 2000],
  ['tree', treeCalls, fc.constant(line('monday', 'tuesday', 'wednesday')), 2000],
  ['chain', chainCalls, fc.constant(layered.disks[0]?.backingChain), 3000],
  [
    'definition',
    definitionCalls,
    fc.constant({
      name: 'a',
      description: 'd',
      disks: [{ disk: 'vda', checkpoint: 'bitmap', bitmap: 'b', granularity: 512 }, { disk: 'vdc' }],
    }),
    4000,
  ],
  [
    'checkpoint',
    checkpointCalls,
    fc.constant(checkpoint('a', { parent: 'monday', disks: [{ diskTarget: 'vda', bitmap: 'monday', madeOn: '/x' }] })),
    4000,
  ],
  ['step', stepCalls, fc.constantFrom(...steps), 1500],
  ['request', requestCalls, fc.constant(merge), 1500],
];

describe('bad input', () => {
  it('is 20,000 values', () => {
    expect(subjects.reduce((sum, [, , , runs]) => sum + runs, 0)).toBe(20_000);
  });

  it.each(subjects)(
    'a damaged %s gives a CheckpointError or a value, and is left as it was',
    (_, calls, values, runs) => {
      forAll(
        fc.tuple(values, fc.array(damage, { minLength: 1, maxLength: 3 })),
        ([value, damages]) => expectGoodManners(calls, damaged(value, damages)),
        runs,
      );
    },
  );

  const everyCall = [
    treeCalls,
    chainCalls,
    domainCalls,
    definitionCalls,
    checkpointCalls,
    argumentCalls,
    stepCalls,
    requestCalls,
  ];

  it.each(nonsenseNames)('%s gives a CheckpointError or a value for every argument', (name) => {
    for (const calls of everyCall) expectGoodManners(calls, makeNonsense(name));
  });

  it('any JSON gives a CheckpointError or a value for every argument', () => {
    forAll(
      fc.jsonValue(),
      (value) => {
        for (const calls of everyCall) expectGoodManners(calls, value);
      },
      200,
    );
  });

  it('nested too deep to be read is told, not thrown from the stack', () => {
    const reopenOptions = { cache: nested(10_000, (inner) => ({ inner })) } as NonNullable<BlockNode['reopenOptions']>;
    const given = domain({ disks: [disk('vda', [node('n', { reopenOptions, bitmaps: [bitmap('monday')] })])] });
    expect(() => parseDomain(given)).toThrow(/^domain cannot be read \(Maximum call stack size exceeded\)/);
    expectGoodManners(domainCalls, given);
  });
});
