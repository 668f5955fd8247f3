import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockNode, parseDomain } from '../../src/index.js';
import { parseBlockNodes } from '../../src/qmp/index.js';
import { damage, damaged, fingerprint, makeNonsense, nonsenseNames } from '../support/arbitrary-malformed.js';
import { bitmap, disk, freshDomain } from '../support/builders.js';
import { corpusCases, describeCorpus, readCorpus } from '../support/corpus.js';
import { deepFreeze } from '../support/deep-freeze.js';
import { fixtureVersions, readWorld, worlds } from '../support/fixtures.js';
import { forAll } from '../support/for-all.js';
import { bitmapRow, fileRow, nodeRow, type RowChange } from '../support/node-row.js';
import { codesOf, detailsOf, refusal } from '../support/refusal.js';

type Rows = readonly ReturnType<typeof nodeRow>[];

const MiB16 = 2 ** 24;

/** What the reply says of one node. */
function nodeOf(rows: Rows, nodeName = 'vda'): BlockNode {
  const found = parseBlockNodes(deepFreeze(rows)).find((each) => each.nodeName === nodeName);
  if (found === undefined) throw new Error(`${nodeName} is not there`);
  return found;
}

/** `monday=RP 262144`: name, flags and dirty bytes. */
function show({ name, dirtyBytes, recording, persistent, busy, inconsistent }: BlockNode['bitmaps'][number]): string {
  const flags = [recording && 'R', persistent && 'P', busy && 'B', inconsistent && 'I'].filter(Boolean).join('');
  return `${name}=${flags} ${dirtyBytes}`;
}

describe('a recorded reply', () => {
  describe.each(fixtureVersions)('of QEMU %s', (version) => {
    it('gives the layers of a disk with all that is known of them', () => {
      const [, active, activeFile, middle] = parseBlockNodes(readWorld(version, 'layered'))
        .filter(({ nodeName }) => !nodeName.startsWith('vdb-'))
        .map(({ bitmaps: _, ...node }) => node);
      expect(active).toStrictEqual({
        nodeName: 'vda-active',
        format: 'qcow2',
        virtualSize: MiB16,
        readOnly: false,
        filename: '/images/vda-active.qcow2',
        backingFilename: '/images/vda-middle.qcow2',
        fileNodeName: 'vda-active-file',
        clusterSize: 65536,
        qcow2Version: 3,
      });
      expect(activeFile).toMatchObject({ nodeName: 'vda-active-file', format: 'file', readOnly: false });
      expect(activeFile).not.toHaveProperty('qcow2Version');
      expect(activeFile).not.toHaveProperty('fileNodeName');
      expect(middle).toMatchObject({ nodeName: 'vda-middle', readOnly: true, fileNodeName: 'vda-middle-file' });
    });

    it.each<[(typeof worlds)[number], string, readonly string[]]>([
      ['empty', 'vda', []],
      ['basic', 'vda', ['tuesday=RP 131072', 'monday=RP 262144']],
      ['basic', 'vdb', ['tuesday=RP 0', 'monday=RP 65536']],
      ['mixed', 'vda', []],
      ['mixed', 'vdb', []],
      ['mixed', 'vdc', ['monday=RP 65536']],
    ])('gives the bitmaps of %s %s in its order', (world, nodeName, bitmaps) => {
      const found = parseBlockNodes(readWorld(version, world)).find((node) => node.nodeName === nodeName);
      expect(found?.bitmaps.map(show)).toEqual(bitmaps);
    });

    it('tells what is wrong with bitmaps that cannot be used', () => {
      const nodes = parseBlockNodes(readWorld(version, 'unusable'));
      const flags = nodes
        .flatMap(({ nodeName, bitmaps }) => bitmaps.map((each) => `${nodeName} ${show(each).replace(/ \d+$/, '')}`))
        .filter((each) => !each.endsWith('=RP'));
      expect(flags.toSorted()).toEqual([
        'vda-active disabled=P',
        'vda-active inconsistent=PI',
        'vda-active transient=R',
        'vda-base disabled-below=P',
      ]);
    });

    it('tells formats and versions of images apart', () => {
      const nodes = parseBlockNodes(readWorld(version, 'mixed')).filter(({ nodeName }) => nodeName.length === 3);
      const found = nodes.map(({ nodeName, format, qcow2Version, readOnly }) =>
        [nodeName, format, qcow2Version, readOnly].join(' '),
      );
      expect(found.toSorted()).toEqual([
        'vda raw  false',
        'vdb qcow2 2 false',
        'vdc qcow2 3 true',
        'vdd qcow2 3 false',
      ]);
    });

    it.each(worlds)('gives nodes of %s that a domain can be made of, with and without its envelope', (world) => {
      const reply = readWorld(version, world) as { readonly return: readonly unknown[] };
      const before = structuredClone(reply);
      const nodes = parseBlockNodes(deepFreeze(reply));
      expect(reply).toStrictEqual(before);
      expect(nodes).toHaveLength(reply.return.length);
      expect(parseBlockNodes(reply.return)).toStrictEqual(nodes);
      const made = freshDomain(...nodes.map((node) => disk(node.nodeName, [node])));
      expect(parseDomain(made)).toStrictEqual(made);
    });
  });

  it.each(worlds)('says the same of %s whichever QEMU it came from', (world) => {
    const byName = (a: BlockNode, b: BlockNode) => (a.nodeName < b.nodeName ? -1 : 1);
    const [old, recent] = fixtureVersions.map((version) =>
      parseBlockNodes(readWorld(version, world))
        .filter(({ format }) => format !== 'file')
        .toSorted(byName),
    );
    expect(old).toStrictEqual(recent);
  });
});

describeCorpus('a reply that libvirt has recorded', () => {
  it.each(corpusCases('detect').map((each) => [each.id, each] as const))('is read as libvirt does: %s', (_, each) => {
    const nodes = parseBlockNodes(readCorpus(each.nodes));
    const found = nodes.filter(({ nodeName }) => each.candidateNodes.includes(nodeName));
    const detected = found.map(({ nodeName, qcow2Version, bitmaps, internalSnapshots }) => [
      nodeName,
      {
        qcow2v2: qcow2Version === 2,
        bitmaps,
        internalSnapshots: internalSnapshots?.map(({ name, hasVmState: vmstate }) => ({ name, vmstate })) ?? null,
      },
    ]);
    expect(Object.fromEntries(detected)).toEqual(each.expected.detected);
  });

  it.each(['empty', 'basic', 'snapshots', 'snapshots-internal', 'synthetic'])(
    'names the protocol node of every image of %s',
    (name) => {
      const nodes = parseBlockNodes(readCorpus(`nodes/${name}.json`));
      const images = nodes.filter(({ nodeName }) => nodeName.endsWith('-format'));
      expect(images.length).toBeGreaterThan(0);
      for (const { nodeName, fileNodeName } of images) {
        expect(fileNodeName).toBe(nodeName.replace('-format', '-storage'));
      }
    },
  );
});

describe('a reply of any QEMU', () => {
  it.each<[string, RowChange]>([
    ['5.2, with a status and no word on consistency', { 'dirty-bitmaps': [bitmapRow('a', { status: 'active' })] }],
    ['5.2, with what later went', { encryption_key_missing: false, 'dirty-bitmaps': [bitmapRow('a')] }],
    ['10.0, with active', { active: true, 'dirty-bitmaps': [bitmapRow('a')] }],
    ['11, with what is not known yet', { tomorrow: [{ deep: null }], 'dirty-bitmaps': [bitmapRow('a', { x: 1 })] }],
  ])('is understood: %s', (_, change) => {
    expect(nodeOf([nodeRow('vda', change)])).toStrictEqual({
      nodeName: 'vda',
      format: 'qcow2',
      virtualSize: MiB16,
      readOnly: false,
      filename: '/images/vda.qcow2',
      bitmaps: [bitmap('a')],
    });
  });

  it('may hold whole backing images, which are nodes of their own elsewhere', () => {
    const backing = { filename: '/images/b', format: 'qcow2', 'virtual-size': -1, 'format-specific': 'not looked at' };
    const image = { 'backing-image': backing };
    expect(nodeOf([nodeRow('vda', { image })])).toStrictEqual(nodeOf([nodeRow('vda')]));
  });

  it('may be empty', () => {
    expect(parseBlockNodes([])).toEqual([]);
    expect(parseBlockNodes({ return: [], id: 7 })).toEqual([]);
  });

  it.each<[string, object, ReturnType<typeof bitmap>]>([
    [
      'that is not well',
      { inconsistent: true, recording: false },
      bitmap('a', { inconsistent: true, recording: false }),
    ],
    ['that a job holds', { busy: true }, bitmap('a', { busy: true })],
    ['that is not stored', { persistent: false }, bitmap('a', { persistent: false })],
    ['that is dirty', { count: 2 ** 40, granularity: 512 }, bitmap('a', { dirtyBytes: 2 ** 40, granularity: 512 })],
    ['with an odd name', { name: 'a\n\0é"' }, bitmap('a\n\0é"')],
    ['with a name every object has', { name: '__proto__' }, bitmap('__proto__')],
  ])('shows a bitmap %s', (_, change, expected) => {
    expect(nodeOf([nodeRow('vda', { 'dirty-bitmaps': [bitmapRow('a', change)] })]).bitmaps).toStrictEqual([expected]);
  });

  it('takes what is not said of a bitmap for false and for zero', () => {
    const state = { granularity: 0, recording: false, persistent: false };
    expect(nodeOf([nodeRow('vda', { 'dirty-bitmaps': [{ name: 'a' }] })]).bitmaps).toStrictEqual([bitmap('a', state)]);
  });

  it('leaves out bitmaps without a name, and keeps the order of the others', () => {
    const { name: _, ...nameless } = bitmapRow('');
    const rows = [nodeRow('vda', { 'dirty-bitmaps': [bitmapRow('z'), nameless, bitmapRow('a'), nameless] })];
    expect(nodeOf(rows).bitmaps.map(({ name }) => name)).toEqual(['z', 'a']);
  });
});

describe('of an image', () => {
  it.each<[string, object | undefined, 2 | 3 | undefined]>([
    ['qcow2 1.1', { type: 'qcow2', data: { compat: '1.1' } }, 3],
    ['qcow2 0.10', { type: 'qcow2', data: { compat: '0.10' } }, 2],
    ['qcow2 without data', { type: 'qcow2' }, 3],
    ['file', { type: 'file', data: { 'extent-size-hint': 2 ** 20 } }, undefined],
    ['nothing', undefined, undefined],
  ])('the version is told by %s', (_, specific, version) => {
    const image = specific === undefined ? {} : { 'format-specific': specific };
    expect(nodeOf([nodeRow('vda', { image })]).qcow2Version).toBe(version);
  });

  it('the snapshots inside come by name, not in the order of the reply', () => {
    const snapshots = ['b', 'a', 'ab', 'B', 'a'].map((name, place) => ({ name, 'vm-state-size': place }));
    const found = nodeOf([nodeRow('vda', { image: { snapshots } })]).internalSnapshots;
    expect(found?.map(({ name, hasVmState }) => `${name} ${hasVmState}`)).toEqual([
      'B true',
      'a true',
      'a true',
      'ab true',
      'b false',
    ]);
  });

  it('a snapshot whose size is not told has no state of the guest, and no list is no list', () => {
    const image = { snapshots: [{ name: 'a' }] };
    expect(nodeOf([nodeRow('vda', { image })]).internalSnapshots).toEqual([{ name: 'a', hasVmState: false }]);
    expect(nodeOf([nodeRow('vda', { image: { snapshots: [] } })]).internalSnapshots).toEqual([]);
    expect(nodeOf([nodeRow('vda')])).not.toHaveProperty('internalSnapshots');
  });

  it.each<[string, RowChange, BlockNode['reopenOptions']]>([
    ['all at its default', { cache: { writeback: true, direct: false, 'no-flush': false } }, undefined],
    ['without a word on caching', {}, undefined],
    ['around the page cache', { cache: { direct: true, 'no-flush': false } }, { cache: { direct: true } }],
    ['without flushes', { cache: { direct: false, 'no-flush': true } }, { cache: { 'no-flush': true } }],
    ['with both', { cache: { direct: true, 'no-flush': true } }, { cache: { direct: true, 'no-flush': true } }],
    ['with zero detection', { detect_zeroes: 'unmap' }, { 'detect-zeroes': 'unmap' }],
    [
      'with all of it',
      { cache: { direct: true, 'no-flush': false }, detect_zeroes: 'on' },
      { cache: { direct: true }, 'detect-zeroes': 'on' },
    ],
  ])('a reopen must repeat how it is open: %s', (_, change, options) => {
    const found = nodeOf([nodeRow('vda', change)]);
    if (options === undefined) expect(found).not.toHaveProperty('reopenOptions');
    else expect(found.reopenOptions).toStrictEqual(options);
  });

  const json = (file: string) =>
    `json:${JSON.stringify({ backing: null, driver: 'qcow2', file: { driver: 'file', filename: file } })}`;

  it.each<[string, RowChange, string | undefined]>([
    ['none', {}, undefined],
    ['none in use, whatever its header names', { image: { 'backing-filename': '/images/b' } }, undefined],
    ['in use and named by its header', { backing_file: '/b', image: { 'backing-filename': '/b' } }, '/b'],
    [
      'named from where the image lies',
      { backing_file: 'b', image: { 'backing-filename': 'b', 'full-backing-filename': '/images/b' } },
      '/images/b',
    ],
    ['relative, and nothing says to what', { backing_file: 'b', image: { 'backing-filename': 'b' } }, 'b'],
    [
      'in use, another than its header names',
      { backing_file: '/c', image: { 'backing-filename': '/b', 'full-backing-filename': '/images/b' } },
      '/c',
    ],
    ['spelled as json', { backing_file: json('/images/b') }, '/images/b'],
    ['spelled as json and cut off', { backing_file: json('/images/b').slice(0, 40) }, json('/images/b').slice(0, 40)],
  ])('the backing image is %s', (_, change, backingFilename) => {
    expect(nodeOf([nodeRow('vda', change)]).backingFilename).toBe(backingFilename);
  });

  it.each([
    ['spelled as json', json('/images/vda.qcow2'), '/images/vda.qcow2'],
    ['spelled as json and cut off', json('/images/vda.qcow2').slice(0, 40), json('/images/vda.qcow2').slice(0, 40)],
  ])('the file is %s', (_, file, filename) => {
    expect(nodeOf([nodeRow('vda', { file })]).filename).toBe(filename);
  });
});

describe('the protocol node of an image', () => {
  const file = '/images/vda.qcow2';
  const child = (name: string, nodeName: string) => ({ child: name, 'node-name': nodeName });

  it.each<[string, Rows, Pick<BlockNode, 'fileNodeName' | 'fileReadOnly'>]>([
    ['is the other node that has its file open', [nodeRow('vda'), fileRow('vda')], { fileNodeName: 'vda-file' }],
    [
      'is found before the image too, and among others',
      [nodeRow('vdb'), fileRow('vdb'), fileRow('vda'), nodeRow('vda')],
      { fileNodeName: 'vda-file' },
    ],
    [
      'may have a name that QEMU made up',
      [nodeRow('vda'), nodeRow('#block123', { drv: 'file', file })],
      { fileNodeName: '#block123' },
    ],
    [
      'may be open for reading only',
      [nodeRow('vda', { ro: true }), fileRow('vda', { ro: true })],
      { fileNodeName: 'vda-file', fileReadOnly: true },
    ],
    [
      'is found where the image is spelled as json',
      [
        nodeRow('vda', { file: `json:{"driver":"qcow2","file":{"driver":"file","filename":"${file}"}}` }),
        fileRow('vda'),
      ],
      { fileNodeName: 'vda-file' },
    ],
    ['is not known where the reply lacks it', [nodeRow('vda')], {}],
    [
      'is not known where two have the file open',
      [nodeRow('vda'), fileRow('vda'), nodeRow('x', { drv: 'file', file })],
      {},
    ],
    [
      'is not known where a slice lies between',
      [nodeRow('vda'), nodeRow('slice', { drv: 'raw', file }), fileRow('vda')],
      {},
    ],
    ['is no other image', [nodeRow('vda'), nodeRow('twin', { file })], {}],
    ['is no filter', [nodeRow('vda'), nodeRow('throttle', { drv: 'throttle', file })], {}],
    [
      'is not known where a filter may lie between',
      [nodeRow('vda'), nodeRow('throttle', { drv: 'throttle', file }), fileRow('vda')],
      {},
    ],
    ...['commit_top', 'mirror_top'].map((drv): [string, Rows, Pick<BlockNode, 'fileNodeName'>] => [
      `is found where a job has put a ${drv} above`,
      [nodeRow('#block7', { drv, file }), nodeRow('vda'), fileRow('vda')],
      { fileNodeName: 'vda-file' },
    ]),
    [
      'is what QEMU 10.1 says, however many have the file open',
      [
        nodeRow('vda', { children: [child('backing', 'b'), child('file', 'slice')] }),
        nodeRow('slice', { drv: 'raw', file, children: [child('file', 'vda-file')] }),
        fileRow('vda'),
      ],
      { fileNodeName: 'slice' },
    ],
    [
      'is open for reading only where QEMU 10.1 names one that is',
      [nodeRow('vda', { children: [child('file', 'p')] }), nodeRow('p', { drv: 'nbd', file: 'nbd://h', ro: true })],
      { fileNodeName: 'p', fileReadOnly: true },
    ],
    [
      'is what QEMU 10.1 says, though the reply lacks it',
      [nodeRow('vda', { children: [child('file', 'elsewhere')] })],
      { fileNodeName: 'elsewhere' },
    ],
    [
      'is not known where QEMU 10.1 names a child without a node',
      [nodeRow('vda', { children: [{ child: 'file' }] })],
      {},
    ],
  ])('%s', (_, rows, expected) => {
    const { fileNodeName, fileReadOnly } = nodeOf(rows);
    expect({ ...(fileNodeName && { fileNodeName }), ...(fileReadOnly && { fileReadOnly }) }).toStrictEqual(expected);
  });

  it('has none of its own', () => {
    const rows = [nodeRow('vda'), fileRow('vda')];
    expect(nodeOf(rows, 'vda-file')).not.toHaveProperty('fileNodeName');
  });

  it('and the backing image are told apart in the children of QEMU 10.1', () => {
    const children = [child('file', 'f'), child('backing', 'b'), child('data-file', 'd')];
    expect(nodeOf([nodeRow('vda', { children })])).toMatchObject({ fileNodeName: 'f', backingNodeName: 'b' });
    expect(nodeOf([nodeRow('vda', { children: [] })])).not.toHaveProperty('backingNodeName');
  });
});

describe('what is no reply', () => {
  const { drv: _, ...lacking } = nodeRow('vda');
  const withBitmap = (change: object) => [
    nodeRow('vda', { 'dirty-bitmaps': [bitmapRow('a'), bitmapRow('b', change)] }),
  ];

  it.each<[string, unknown, readonly (readonly (string | number)[])[]]>([
    ['nothing', undefined, [[]]],
    ['null', null, [[]]],
    ['a text', 'nodes', [[]]],
    ['an object without return', {}, [['return']]],
    ['an error of QEMU', { error: { class: 'GenericError', desc: 'no' } }, [['return']]],
    ['a return that is no list', { return: { nodes: [] } }, [['return']]],
    ['a node that is none', [nodeRow('vda'), 5], [[1]]],
    ['a node without a driver', [lacking], [[0, 'drv']]],
    ['a node without a name', [nodeRow('')], [[0, 'node-name']]],
    ['a node-name that is too long', [nodeRow('é'.repeat(16))], [[0, 'node-name']]],
    ['a size that is none', [nodeRow('vda', { image: { 'virtual-size': 0.5 } })], [[0, 'image', 'virtual-size']]],
    ['a size below zero', [nodeRow('vda', { image: { 'virtual-size': -1 } })], [[0, 'image', 'virtual-size']]],
    [
      'a size that is not exact',
      [nodeRow('vda', { image: { 'virtual-size': 2 ** 53 } })],
      [[0, 'image', 'virtual-size']],
    ],
    ['a flag that is a text', withBitmap({ recording: 'true' }), [[0, 'dirty-bitmaps', 1, 'recording']]],
    ['a bitmap with an empty name', withBitmap({ name: '' }), [[0, 'dirty-bitmaps', 1, 'name']]],
    ['a bitmap with a name too long', withBitmap({ name: 'x'.repeat(1024) }), [[0, 'dirty-bitmaps', 1, 'name']]],
    ['a member that is null', [nodeRow('vda', { backing_file: null })], [[0, 'backing_file']]],
    ['a list of snapshots that is none', [nodeRow('vda', { image: { snapshots: 'a' } })], [[0, 'image', 'snapshots']]],
    ['children that are none', [nodeRow('vda', { children: [{ 'node-name': 'b' }] })], [[0, 'children', 0, 'child']]],
    [
      'faults in several nodes, in an envelope',
      {
        return: [nodeRow('vda', { ro: 1 }), nodeRow('vdb'), nodeRow('vdc', { file: undefined as never, cache: 5 }), 7],
      },
      [
        ['return', 0, 'ro'],
        ['return', 2, 'cache'],
        ['return', 3],
      ],
    ],
  ])('is refused with the path of each fault: %s', (_name, reply, paths) => {
    const problems = refusal(() => parseBlockNodes(reply));
    expect(detailsOf(problems)).toEqual(
      paths.map((path) => ({ code: 'invalid-input', subject: 'reply', path, expected: expect.any(String) })),
    );
  });

  it('says where in words too', () => {
    const [problem] = refusal(() =>
      parseBlockNodes([nodeRow('vda', { 'dirty-bitmaps': [bitmapRow('a', { busy: 1 })] })]),
    );
    expect(problem?.text).toContain('reply[0].dirty-bitmaps[0].busy must be');
  });

  it.each(nonsenseNames)('is refused or read, and never changed: %s', (name) => {
    for (const wrap of [
      (value: unknown) => value,
      (value: unknown) => [value],
      (value: unknown) => ({ return: value }),
      (value: unknown) => [nodeRow('vda', { image: { snapshots: value as object } })],
    ]) {
      expectReadOrRefused(wrap(makeNonsense(name)));
    }
  });

  it('is refused or read, whatever JSON it is', () => {
    const law = (reply: unknown) => void expectReadOrRefused(reply);
    forAll(fc.jsonValue({ maxDepth: 5 }), law, 1500);
    forAll(fc.array(fc.jsonValue({ maxDepth: 3 })), law, 500);
  });

  const basis = [
    ...worlds.flatMap((world) => fixtureVersions.map((version) => readWorld(version, world))),
    [
      nodeRow('vda', { backing_file: 'b', image: { snapshots: [{ name: 'a' }], 'backing-filename': 'b' } }),
      fileRow('vda'),
    ],
  ];

  it('is refused or read, wherever a real reply is damaged', () => {
    let refused = 0;
    const damages = fc.tuple(fc.nat({ max: basis.length - 1 }), fc.array(damage, { minLength: 1, maxLength: 4 }));
    forAll(
      damages,
      ([place, list]) => {
        if (expectReadOrRefused(damaged(basis[place], list))) refused += 1;
      },
      3000,
    );
    // A damage that reaches nothing, or only what is not looked at, would prove nothing.
    expect(refused).toBeGreaterThan(300);
  });
});

/** It is refused as invalid input, or gives nodes that are whole. Whether it was refused is given back. */
function expectReadOrRefused(reply: unknown): boolean {
  const before = fingerprint(reply);
  let nodes: readonly BlockNode[] = [];
  const problems = refusal(() => {
    nodes = parseBlockNodes(reply);
  });
  expect(fingerprint(reply)).toBe(before);
  expect(codesOf(problems).filter((code) => code !== 'invalid-input')).toEqual([]);
  for (const { nodeName, virtualSize, bitmaps } of nodes) {
    expect(nodeName).not.toBe('');
    expect(Number.isSafeInteger(virtualSize)).toBe(true);
    for (const { name, recording } of bitmaps) expect([typeof name, typeof recording]).toEqual(['string', 'boolean']);
  }
  return problems.length > 0;
}

describe('a filter below an image', () => {
  const image = { driver: 'qcow2', file: { driver: 'file', filename: '/images/base' } };
  const named = (backing: object) => `json:${JSON.stringify(backing)}`;

  it.each<[string, string, true | undefined]>([
    ['is seen by how QEMU spells its backing file', named({ driver: 'throttle', file: image }), true],
    ['is not seen where there is none', named({ ...image }), undefined],
  ])('%s', (_, backing_file, filtered) => {
    const [top] = parseBlockNodes([nodeRow('top', { backing_file })]);
    expect(top?.backingFiltered).toBe(filtered);
    expect(top?.backingFilename).toBe('/images/base');
  });
});
