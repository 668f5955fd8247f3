import { describe, expect, it } from 'vitest';
import {
  type BlockNode,
  checkBitmapChain,
  type Disk,
  type Plan,
  planBitmapMerge,
  planDeleteCheckpoint,
  type TransactionAction,
} from '../../src/index.js';
import { formatCommand, formatTransaction, parseBlockNodes, resolveBackingChain } from '../../src/qmp/index.js';
import { checkpoint, node, tree } from '../support/builders.js';
import { type CorpusAction, type CorpusCase, corpusCases, describeCorpus, readCorpus } from '../support/corpus.js';
import { codesOf } from '../support/refusal.js';

/** The chain of a case; a layer that was not recorded has no bitmaps. */
function chainOf({ nodes, chain }: CorpusCase): readonly BlockNode[] {
  const recorded = parseBlockNodes(readCorpus(nodes));
  return chain.map((nodeName) => recorded.find((each) => each.nodeName === nodeName) ?? node(nodeName));
}

/** QMP's defaults: a member that is not there stands at its default. */
const defaults: { readonly [member: string]: unknown } = { persistent: false, disabled: false };

function withoutDefaults(actions: readonly CorpusAction[]): readonly CorpusAction[] {
  return actions.map(({ type, data }) => {
    const told = Object.entries(data).filter(([member, value]) => !(member in defaults) || defaults[member] !== value);
    return { type, data: Object.fromEntries(told) };
  });
}

function expectActions(planned: readonly TransactionAction[], expected: readonly CorpusAction[] | null): void {
  const spelled = JSON.parse(JSON.stringify(formatTransaction(planned).arguments.actions)) as readonly CorpusAction[];
  expect(spelled).toStrictEqual(withoutDefaults(expected ?? []));
  // Whatever stands at its default is not written in the first place.
  expect(spelled).toStrictEqual(withoutDefaults(spelled));
}

const ids = <C extends CorpusCase>(cases: readonly C[]) => cases.map((each) => [each.id, each] as const);

describeCorpus('libvirt’s bitmaps', () => {
  it('are 68 cases', () => {
    const counts = (
      ['detect', 'validate', 'backup-merge', 'checkpoint-delete', 'block-copy', 'block-commit'] as const
    ).map((operation) => corpusCases(operation).length);
    expect(counts).toEqual([5, 20, 7, 16, 6, 14]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(68);
  });

  describe('parseBlockNodes', () => {
    it.each(ids(corpusCases('detect')))('%s', (_, { nodes, candidateNodes, expected }) => {
      const recorded = parseBlockNodes(readCorpus(nodes));
      const detected = recorded.flatMap(({ nodeName, qcow2Version, bitmaps, internalSnapshots }) => {
        if (!candidateNodes.includes(nodeName)) return [];
        const snapshots = internalSnapshots?.map(({ name, hasVmState: vmstate }) => ({ name, vmstate })) ?? null;
        return [[nodeName, { qcow2v2: qcow2Version === 2, bitmaps, internalSnapshots: snapshots }] as const];
      });
      expect(Object.fromEntries(detected)).toStrictEqual(expected.detected);
    });
  });

  describe('resolveBackingChain', () => {
    it.each(['snapshots', 'synthetic'])('finds the chain of %s by itself', (world) => {
      const nodes = parseBlockNodes(readCorpus(`nodes/${world}.json`));
      const resolved = resolveBackingChain(nodes, 'libvirt-1-format').map(({ nodeName }) => nodeName);
      expect(resolved).toEqual([1, 2, 3, 4, 5].map((layer) => `libvirt-${layer}-format`));
    });
  });

  describe('checkBitmapChain', () => {
    it.each(ids(corpusCases('validate')))('%s', (_, each) => {
      expect(checkBitmapChain(chainOf(each), each.bitmap).length === 0).toBe(each.expected.valid);
    });
  });

  describe('planBitmapMerge for a backup', () => {
    it.each(ids(corpusCases('backup-merge')))('%s', (_, each) => {
      const { bitmap, target, expected } = each;
      const into = { node: node(target.node), bitmap: target.bitmap };
      expectActions(planBitmapMerge(chainOf(each), { bitmap, into }), expected.actions);
    });
  });

  describe('planBitmapMerge for a copy', () => {
    it.each(ids(corpusCases('block-copy')))('%s', (_, each) => {
      const { shallow, mirror, expected } = each;
      const [, backing] = each.chain;
      const request = { into: { node: node(mirror.node) }, activeWriteNode: mirror.node };
      const base = shallow && backing !== undefined ? { baseNodeName: backing } : {};
      expectActions(planBitmapMerge(chainOf(each), { ...request, ...base }), expected.actions);
    });
  });

  describe('planBitmapMerge for a commit', () => {
    it.each(ids(corpusCases('block-commit')))('%s', (_, each) => {
      const { top, base, active, baseFormat, expected } = each;
      const whole = chainOf(each);
      const found = whole.find(({ nodeName }) => nodeName === base);
      const chain = whole.slice(whole.findIndex(({ nodeName }) => nodeName === top));
      const request = { baseNodeName: base, into: { node: { ...node(base), ...found, format: baseFormat } } };
      const planned = planBitmapMerge(chain, { ...request, ...(active && { activeWriteNode: base }) });
      expectActions(planned, expected.actions);
      expect(planned.length === 0).toBe(expected.outcome === 'none');
    });
  });

  describe('planDeleteCheckpoint', () => {
    const plan = (each: CorpusCase & { readonly operation: 'checkpoint-delete' }): Plan => {
      const { bitmap: name, disk: diskTarget } = each;
      const disks: readonly Disk[] = [{ diskTarget, readOnly: false, backingChain: chainOf(each) }];
      const checkpoints = tree([checkpoint(name, { disks: [diskTarget] })]);
      return planDeleteCheckpoint({ name: 'libvirt', disks, checkpoints }, name);
    };
    const cases = corpusCases('checkpoint-delete');

    it.each(ids(cases.filter(({ expected }) => expected.outcome !== 'error')))('%s', (_, each) => {
      const { steps, warnings } = plan(each);
      const commands = steps.map(({ command }) => command);
      const removal = commands.findIndex(({ kind }) => kind === 'transaction');
      const [transaction] = commands.splice(removal, 1);
      expectActions(transaction?.kind === 'transaction' ? transaction.actions : [], each.expected.actions);
      const reopen = (readOnly: boolean) => each.expected.reopen.map((nodeName) => ({ nodeName, readOnly }));
      expect(commands).toMatchObject([...reopen(false), ...reopen(true)]);
      expect(removal).toBe(each.expected.reopen.length);
      expect(commands.map((command) => formatCommand(command).execute)).toEqual(commands.map(() => 'blockdev-reopen'));
      expect(warnings).toBeUndefined();
    });

    // libvirt refuses here, which keeps a checkpoint whose bitmap was lost from ever being deleted; this library does not.
    it.each(ids(cases.filter(({ expected }) => expected.outcome === 'error')))(
      '%s: told, and no obstacle',
      (_, each) => {
        const { steps, next, warnings } = plan(each);
        expect(steps).toEqual([]);
        expect(next.checkpoints.checkpoints).toEqual([]);
        expect(codesOf(warnings ?? [])).toEqual(['bitmap-missing']);
        expect(warnings).toMatchObject([{ bitmap: each.bitmap, diskTarget: each.disk }]);
      },
    );
  });
});
