import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/core/job.js';
import { applyStep, type BlockNode, type Command, type Domain, parseDomain } from '../../src/index.js';
import { chain, disk, freshDomain, GiB, node } from '../support/builders.js';
import { deepFreeze } from '../support/deep-freeze.js';

const apply = (given: Domain, ...commands: readonly Command[]) =>
  commands.reduce((domain, command) => applyStep(domain, { command, why: 'It is a test.' }), given);

const [top, middle, base] = chain('vda', [['b'], ['a'], ['a']]) as [BlockNode, BlockNode, BlockNode];
const overlay = node('overlay');
const other = disk('vdb');

const withChain = (...layers: readonly BlockNode[]) => freshDomain(disk('vda', layers), other);
const beside = (domain: Domain, ...otherNodes: readonly BlockNode[]): Domain => ({ ...domain, otherNodes });
const over = (layer: BlockNode, backing: BlockNode): BlockNode => ({
  ...layer,
  backingFilename: backing.filename ?? '',
});

const of = { jobId: 'j', diskTarget: 'vda', activeNodeName: top.nodeName } as const;
const commit = (topNodeName: string, baseNodeName: string) =>
  ({ kind: 'commit', ...of, topNodeName, baseNodeName }) as const;
const copy = (targetNodeName: string, shallow: boolean) => ({ kind: 'copy', ...of, targetNodeName, shallow }) as const;
const pull = (baseNodeName?: string) =>
  ({ kind: 'pull', ...of, ...(baseNodeName !== undefined && { baseNodeName }) }) as const;
const take = (nodeName: string, overlayNodeName: string): Command => ({
  kind: 'transaction',
  actions: [{ kind: 'snapshot-take', nodeName, overlayNodeName }],
});
const complete = (job: Job): Command => ({ kind: 'job-complete', job });
const finalize = (job: Job): Command => ({ kind: 'job-finalize', job });
const concluded = (job: Job): Command => ({ kind: 'job-wait', job, until: 'concluded' });

const whole = withChain(top, middle, base);
const { backingFilename: _, ...alone } = top;

describe('what changes a chain', () => {
  it.each<[string, Domain, Command, Domain]>([
    [
      'a snapshot puts the overlay on the active layer, which turns read-only',
      beside(whole, overlay),
      take(top.nodeName, 'overlay'),
      withChain(over(overlay, top), { ...top, readOnly: true }, middle, base),
    ],
    [
      'an active commit leaves the guest on the base, which takes writes from then on',
      whole,
      complete(commit(top.nodeName, middle.nodeName)),
      beside(withChain({ ...middle, readOnly: false }, base), top),
    ],
    [
      'an active commit down to the base takes all above it out',
      whole,
      complete(commit(top.nodeName, base.nodeName)),
      beside(withChain({ ...base, readOnly: false }), top, middle),
    ],
    [
      'a commit below the active layer puts the layer above on the base',
      whole,
      finalize(commit(middle.nodeName, base.nodeName)),
      beside(withChain(over(top, base), base), middle),
    ],
    [
      'a whole copy leaves the guest on it alone',
      beside(whole, overlay),
      complete(copy('overlay', false)),
      beside(withChain(overlay), top, middle, base),
    ],
    [
      'a shallow copy stands on the backing image of what was copied',
      beside(whole, overlay),
      complete(copy('overlay', true)),
      beside(withChain(over(overlay, middle), middle, base), top),
    ],
    ['a pull takes all layers below out', whole, concluded(pull()), beside(withChain(alone), middle, base)],
    [
      'a pull down to a base puts the active layer on it',
      whole,
      concluded(pull(base.nodeName)),
      beside(withChain(over(top, base), base), middle),
    ],
    [
      'a pull down to the next layer takes none out',
      whole,
      concluded(pull(middle.nodeName)),
      withChain(over(top, middle), middle, base),
    ],
    [
      'a node that is closed is gone',
      beside(whole, overlay, node('x')),
      { kind: 'node-remove', nodeName: 'overlay' },
      beside(whole, node('x')),
    ],
    [
      'a node that is opened is part of no disk yet',
      whole,
      { kind: 'node-add', nodeName: 'n', format: 'qcow2', virtualSize: GiB, filename: '/n', fileNodeName: 'f' },
      beside(whole, {
        nodeName: 'n',
        format: 'qcow2',
        virtualSize: GiB,
        readOnly: false,
        filename: '/n',
        fileNodeName: 'f',
        qcow2Version: 3,
        bitmaps: [],
      }),
    ],
    [
      'a node that is opened for reading only is, and what is not told of it stays away',
      beside(whole, overlay),
      { kind: 'node-add', nodeName: 'r', format: 'raw', virtualSize: 0, options: { 'read-only': true } },
      beside(whole, overlay, { nodeName: 'r', format: 'raw', virtualSize: 0, readOnly: true, bitmaps: [] }),
    ],
  ])('%s', (_name, before, command, after) => {
    const given = deepFreeze(structuredClone(before));
    expect(apply(given, command)).toStrictEqual(after);
    expect(parseDomain(after)).toStrictEqual(after);
  });

  it.each<[string, Command]>([
    ['a snapshot whose overlay is not there', take(top.nodeName, 'elsewhere')],
    ['a snapshot of what is no active layer', take(middle.nodeName, 'overlay')],
    ['a commit into what is not there', complete(commit(top.nodeName, 'elsewhere'))],
    ['a commit below of what is not there', finalize(commit('elsewhere', base.nodeName))],
    ['a commit below into what is not there', finalize(commit(middle.nodeName, 'elsewhere'))],
    ['a commit below into what is above', finalize(commit(base.nodeName, middle.nodeName))],
    ['a copy to what is not there', complete(copy('elsewhere', true))],
    ['a copy of another disk', complete({ ...copy('overlay', false), activeNodeName: 'elsewhere' })],
    ['a pull down to what is not there', concluded(pull('elsewhere'))],
    ['a closing of what is not there', { kind: 'node-remove', nodeName: 'elsewhere' }],
    ['the start of a job', { kind: 'job-start', job: commit(top.nodeName, base.nodeName) }],
    ['the end of a job that is told by its completion', { kind: 'job-dismiss', job: copy('overlay', true) }],
    ['the cancelling of a job', { kind: 'job-cancel', job: commit(top.nodeName, base.nodeName) }],
    ['a job that waits before its end', { kind: 'job-wait', job: pull(), until: 'pending' }],
    ['the end of a job that changes no chain', { kind: 'job-wait', job: copy('overlay', true), until: 'concluded' }],
    ['the completion of a job that does not follow the guest', complete(pull())],
    ['the finalizing of another job', finalize(copy('overlay', true))],
    ['a look at bitmaps', { kind: 'bitmaps-expect', nodeName: top.nodeName, bitmaps: ['b'] }],
  ])('%s changes nothing', (_name, command) => {
    const given = deepFreeze(beside(whole, overlay));
    expect(apply(given, command)).toStrictEqual(given);
  });

  it('takes actions on nodes and on chains in their order, within one transaction', () => {
    const add = (nodeName: string, bitmap: string) =>
      ({ kind: 'bitmap-add', nodeName, bitmap, persistent: true, recording: true }) as const;
    const snapshot = { kind: 'snapshot-take', nodeName: top.nodeName, overlayNodeName: 'overlay' } as const;
    const { disks, otherNodes } = apply(beside(whole, overlay), {
      kind: 'transaction',
      actions: [add('overlay', 'b'), add(top.nodeName, 'x'), snapshot, add('overlay', 'new')],
    });
    const names = disks[0]?.backingChain.map(({ bitmaps }) => bitmaps.map(({ name }) => name));
    expect(names).toEqual([['new', 'b'], ['x', 'b'], ['a'], ['a']]);
    expect(otherNodes).toBeUndefined();
    expect(disks[0]?.sourcePath).toBe('/images/overlay.qcow2');
    expect(disks[1]).toBe(other);
  });
});
