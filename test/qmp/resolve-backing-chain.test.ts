import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockNode, CheckpointError } from '../../src/index.js';
import { parseBlockNodes, resolveBackingChain } from '../../src/qmp/index.js';
import { damage, damaged, fingerprint, makeNonsense, nonsenseNames } from '../support/arbitrary-malformed.js';
import { chain, node, without } from '../support/builders.js';
import { describeCorpus, readCorpus } from '../support/corpus.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { fixtureVersions, readWorld } from '../support/fixtures.js';
import { forAll } from '../support/for-all.js';
import { fileRow, nodeRow } from '../support/node-row.js';
import { codesOf, detailsOf, refusal } from '../support/refusal.js';

const named = (nodes: readonly BlockNode[], active: string) =>
  resolveBackingChain(deepFreeze(nodes), active).map(({ nodeName }) => nodeName);

const over = (backing: string) => ({ backingFilename: `/images/${backing}.qcow2` });
const protocol = (nodeName: string) =>
  node(`${nodeName}-file`, { format: 'file', filename: `/images/${nodeName}.qcow2` });
const filter = (nodeName: string, change: Partial<BlockNode> = {}): BlockNode => ({
  ...without(node(nodeName, { format: 'throttle' }), 'fileNodeName', 'filename'),
  ...change,
});

describe('resolveBackingChain', () => {
  const top = node('top', over('base'));
  const base = node('base', { readOnly: true });

  it.each<[string, readonly BlockNode[], readonly string[]]>([
    ['an image that stands alone', [node('top')], ['top']],
    ['by the name of the backing file', [base, top], ['top', 'base']],
    ['through many layers', chain('top', [[], [], [], []]).toReversed(), ['top-active', 'top-1', 'top-2', 'top-3']],
    ['past the protocol nodes', [protocol('base'), protocol('top'), base, top], ['top', 'base']],
    [
      'past a filter above the backing image',
      [top, filter('f', { filename: '/images/base.qcow2' }), base],
      ['top', 'base'],
    ],
    ['down to a raw base', [top, node('base', { format: 'raw', filename: '/images/base.qcow2' })], ['top', 'base']],
    ['down to a protocol node where no image reads the file', [top, protocol('base')], ['top', 'base-file']],
    [
      'by node-name, whatever the file name says',
      [node('top', { ...over('wrong'), backingNodeName: 'base' }), node('wrong'), base],
      ['top', 'base'],
    ],
    [
      'by node-name where two have the file open',
      [node('top', { ...over('base'), backingNodeName: 'b' }), base, node('b', { filename: '/images/base.qcow2' })],
      ['top', 'b'],
    ],
    [
      'by node-name through a filter between',
      [node('top', { backingNodeName: 'f' }), filter('f', { fileNodeName: 'base' }), base],
      ['top', 'base'],
    ],
    ['to an image of any format', [top, node('base', { format: 'vmdk' })], ['top', 'base']],
    [
      'among the nodes of other disks',
      [node('other', over('other-base')), node('other-base'), top, base],
      ['top', 'base'],
    ],
  ])('finds the layers %s', (_, nodes, layers) => {
    const active = nodes.some(({ nodeName }) => nodeName === 'top-active') ? 'top-active' : 'top';
    expect(named(nodes, active)).toEqual(layers);
  });

  it('gives the nodes themselves', () => {
    const layers = resolveBackingChain([base, top], 'top');
    expect(layers[0]).toBe(top);
    expect(layers[1]).toBe(base);
  });

  it.each<[string, readonly BlockNode[]]>([
    ['which names the image', [filter('f', { fileNodeName: 'top' })]],
    ['which has the same file', [filter('f', { filename: '/images/top.qcow2' })]],
    ['whose image is a backing child', [filter('f', { format: 'mirror_top', backingNodeName: 'top' })]],
    [
      'above another',
      [filter('f', { fileNodeName: 'g' }), filter('g', { format: 'copy-on-read', fileNodeName: 'top' })],
    ],
  ])('begins below a filter %s', (_, filters) => {
    expect(named([...filters, base, protocol('top'), top], 'f')).toEqual(['top', 'base']);
  });

  it('gives a filter that says nothing of what is below it as it is', () => {
    expect(named([filter('f'), top, base], 'f')).toEqual(['f']);
  });

  it('gives a protocol node that is asked for', () => {
    expect(named([protocol('base')], 'base-file')).toEqual(['base-file']);
  });

  const looped = { code: 'backing-chain-loop' } as const;
  it.each<[string, readonly BlockNode[], object]>([
    ['a node that is not there', [base], { code: 'node-not-found', nodeName: 'top' }],
    ['no nodes at all', [], { code: 'node-not-found', nodeName: 'top' }],
    [
      'a backing image that is no node',
      [top, node('other')],
      { code: 'backing-node-missing', nodeName: 'top', backing: '/images/base.qcow2' },
    ],
    [
      'a backing image that only a filter has open',
      [top, filter('f', { filename: '/images/base.qcow2' })],
      { code: 'backing-node-missing', nodeName: 'top', backing: '/images/base.qcow2' },
    ],
    [
      'a backing image that two nodes have open',
      [top, base, protocol('base'), node('twin', { filename: '/images/base.qcow2' })],
      { code: 'backing-node-ambiguous', nodeName: 'top', backing: '/images/base.qcow2', candidates: ['base', 'twin'] },
    ],
    [
      'a backing file that two protocol nodes have open',
      [top, protocol('base'), node('nbd', { format: 'nbd', filename: '/images/base.qcow2' })],
      {
        code: 'backing-node-ambiguous',
        nodeName: 'top',
        backing: '/images/base.qcow2',
        candidates: ['base-file', 'nbd'],
      },
    ],
    ['a backing node that is gone', [node('top', { backingNodeName: 'x' })], { code: 'node-not-found', nodeName: 'x' }],
    ['an image that backs itself', [node('top', over('top'))], { ...looped, nodeName: 'top' }],
    ['two images that back each other', [top, node('base', over('top'))], { ...looped, nodeName: 'top' }],
    [
      'a loop below the active layer',
      [top, node('base', over('low')), node('low', over('base'))],
      { ...looped, nodeName: 'base' },
    ],
    ['a filter on itself', [filter('top', { fileNodeName: 'top' })], { ...looped, nodeName: 'top' }],
    [
      'filters on each other',
      [filter('top', { fileNodeName: 'g' }), filter('g', { fileNodeName: 'top' })],
      { ...looped, nodeName: 'top' },
    ],
    [
      'a filter on a node that is gone',
      [filter('top', { fileNodeName: 'x' })],
      { code: 'node-not-found', nodeName: 'x' },
    ],
  ])('refuses %s', (_, nodes, details) => {
    expect(detailsOf(refusal(() => resolveBackingChain(deepFreeze(nodes), 'top')))).toEqual([details]);
  });
});

describe('resolveBackingChain on what was read', () => {
  const json = (options: object) => `json:${JSON.stringify(options)}`;
  const file = (name: string) => ({ driver: 'file', filename: `/images/${name}.qcow2` });

  it.each<[string, readonly object[], readonly string[]]>([
    [
      'spelled as json above and below',
      [
        nodeRow('vda', {
          file: json({ backing: { driver: 'qcow2', file: file('base') }, driver: 'qcow2', file: file('vda') }),
          backing_file: json({ driver: 'qcow2', file: file('base') }),
        }),
        fileRow('vda'),
        nodeRow('base', { file: json({ backing: null, driver: 'qcow2', file: file('base') }) }),
        fileRow('base'),
      ],
      ['vda', 'base'],
    ],
    [
      'named by the header from where the image lies',
      [
        nodeRow('vda', {
          backing_file: 'base.qcow2',
          image: { 'backing-filename': 'base.qcow2', 'full-backing-filename': '/images/base.qcow2' },
        }),
        nodeRow('base'),
      ],
      ['vda', 'base'],
    ],
    [
      'told by QEMU 10.1, through a filter',
      [
        nodeRow('vda', { backing_file: '/images/base.qcow2', children: [{ child: 'backing', 'node-name': 'cor' }] }),
        nodeRow('twin', { file: '/images/base.qcow2' }),
        nodeRow('cor', {
          drv: 'copy-on-read',
          file: '/images/base.qcow2',
          children: [{ child: 'file', 'node-name': 'base' }],
        }),
        nodeRow('base'),
      ],
      ['vda', 'base'],
    ],
  ])('finds a backing image that is %s', (_, rows, layers) => {
    expect(named(parseBlockNodes(rows), 'vda')).toEqual(layers);
  });

  it.each(fixtureVersions)('finds the layers in recordings of QEMU %s', (version) => {
    const nodes = parseBlockNodes(readWorld(version, 'layered'));
    expect(named(nodes, 'vda-active')).toEqual(['vda-active', 'vda-middle', 'vda-base']);
    expect(named(nodes, 'vda-middle')).toEqual(['vda-middle', 'vda-base']);
    expect(named(nodes, 'vdb')).toEqual(['vdb']);
  });
});

describeCorpus('resolveBackingChain on what libvirt has recorded', () => {
  it.each([
    ['basic', 1],
    ['snapshots', 5],
    ['snapshots-internal', 1],
    ['synthetic', 5],
  ])('finds the layers of %s', (name, count) => {
    const nodes = parseBlockNodes(readCorpus(`nodes/${name}.json`));
    const layers = Array.from({ length: count }, (_, place) => `libvirt-${place + 1}-format`);
    expect(named(nodes, 'libvirt-1-format')).toEqual(layers);
  });
});

describe('resolveBackingChain on what is no chain', () => {
  const nodes = [...chain('vda', [[], [], []]), filter('f', { fileNodeName: 'vda-active' }), protocol('x')];

  /** It is refused, or gives a list of layers. Whether it was refused is given back. */
  const refusedOrFound = (given: unknown, active: unknown): boolean => {
    const before = fingerprint(given);
    let found: unknown = [];
    const problems = refusal(() => {
      found = resolveBackingChain(given as readonly BlockNode[], active as string);
    });
    expect(fingerprint(given)).toBe(before);
    expect(Array.isArray(found)).toBe(true);
    return problems.length > 0;
  };

  it.each(nonsenseNames)('refuses %s for nodes', (name) => {
    const given = makeNonsense(name) as readonly BlockNode[];
    expect(codesOf(refusal(() => resolveBackingChain(given, 'vda')))).toEqual([
      expect.stringMatching(/^(invalid-input|node-not-found)$/),
    ]);
  });

  it.each(nonsenseNames)('refuses %s for a name', (name) => {
    const given = makeNonsense(name) as string;
    expect(codesOf(refusal(() => resolveBackingChain(nodes, given)))).toEqual([
      expect.stringMatching(/^(invalid-input|node-not-found)$/),
    ]);
  });

  it('keeps what was stumbled over as the cause', () => {
    try {
      resolveBackingChain(null as never, 'vda');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(CheckpointError);
      expect((error as CheckpointError).cause).toBeInstanceOf(TypeError);
    }
  });

  it('refuses or finds, wherever the nodes are damaged', () => {
    let refused = 0;
    const values = fc.tuple(
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('f', 'vda-active', 'x-file'),
    );
    forAll(
      values,
      ([damages, active]) => {
        if (refusedOrFound(damaged(nodes, damages), active)) refused += 1;
      },
      1000,
    );
    expect(refused).toBeGreaterThan(100);
  });
});
