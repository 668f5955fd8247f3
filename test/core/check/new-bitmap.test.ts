import { describe, expect, it } from 'vitest';
import { checkNewBitmap } from '../../../src/core/check/new-bitmap.js';
import { type BlockNode, planCreateCheckpoint } from '../../../src/index.js';
import { bitmap, disk, freshDomain, node, now, TiB, without } from '../../support/builders.js';
import { startQemu } from '../../support/model.js';
import { detailsOf } from '../../support/refusal.js';

type NewBitmap = Parameters<typeof checkNewBitmap>[2];

const problemsOf = (image: BlockNode, asked: NewBitmap) => detailsOf(checkNewBitmap('vda', image, asked));
const at = { diskTarget: 'vda', nodeName: 'n' };

/** `count` stored bitmaps whose names are all of one length. */
const stored = (count: number, nameBytes: number) =>
  Array.from({ length: count }, (_, place) => bitmap(String(place).padStart(nameBytes, '0')));

/** 512 MiB of bits with the smallest number of bytes per bit. */
const largest = (granularity: number) => 2 ** 32 * granularity;

const cases: readonly [string, BlockNode, NewBitmap, readonly object[]][] = [
  ['takes a fresh qcow2 image', node('n'), { name: 'a' }, []],
  [
    '1: refuses raw',
    node('n', { format: 'raw' }),
    { name: 'a' },
    [{ code: 'format-unsupported', ...at, format: 'raw' }],
  ],
  [
    '1: refuses qcow2 version 2',
    node('n', { qcow2Version: 2 }),
    { name: 'a' },
    [{ code: 'qcow2-version-unsupported', ...at }],
  ],
  ['1: takes qcow2 of an untold version', without(node('n'), 'qcow2Version'), { name: 'a' }, []],
  ['3: takes a name of 1023 bytes', node('n'), { name: 'a'.repeat(1023) }, []],
  ['3: takes a name of 1023 bytes that has fewer characters', node('n'), { name: `a${'é'.repeat(511)}` }, []],
  ['3: takes a name with blanks, quotes and wide characters', node('n'), { name: ' "a/b:c,#\\ 😀' }, []],
  ...['', 'a'.repeat(1024), 'é'.repeat(512), '😀'.repeat(256), 'a\nb', 'a\0b', '\u007f', '\u0085', '\ud800'].map(
    (name): (typeof cases)[number] => [
      `3: refuses the name ${JSON.stringify(name.slice(0, 3))} of ${name.length} UTF-16 units`,
      node('n'),
      { name },
      [{ code: 'bitmap-name-invalid', diskTarget: 'vda', bitmap: name }],
    ],
  ),
  [
    '4: refuses a name that is there',
    node('n', { bitmaps: ['a'] }),
    { name: 'a' },
    [{ code: 'bitmap-exists', ...at, bitmap: 'a', inconsistent: false }],
  ],
  [
    '4: refuses a name that is there on an inconsistent bitmap, and says so',
    node('n', { bitmaps: [bitmap('a', { inconsistent: true, recording: false })] }),
    { name: 'a' },
    [{ code: 'bitmap-exists', ...at, bitmap: 'a', inconsistent: true }],
  ],
  [
    '4: refuses a name that is there on a transient bitmap',
    node('n', { bitmaps: [bitmap('a', { persistent: false })] }),
    { name: 'a' },
    [{ code: 'bitmap-exists', ...at, bitmap: 'a', inconsistent: false }],
  ],
  ['4: tells names apart by their case', node('n', { bitmaps: ['A'] }), { name: 'a' }, []],
  ...[512, 1024, 2 ** 30, 2 ** 31].map((granularity): (typeof cases)[number] => [
    `5: takes ${granularity} bytes per bit`,
    node('n'),
    { name: 'a', granularity },
    [],
  ]),
  ...[0, 1, 256, 511, 513, 65537, 2 ** 31 + 1, 2 ** 32, -512, 512 + 2 ** -43, Number.NaN].map(
    (granularity): (typeof cases)[number] => [
      `5: refuses ${granularity} bytes per bit`,
      node('n'),
      { name: 'a', granularity },
      [{ code: 'granularity-invalid', diskTarget: 'vda', granularity }],
    ],
  ),
  ...[512, 4096, 65536].flatMap((granularity): readonly (typeof cases)[number][] => [
    [
      `6: takes exactly 512 MiB of bits with ${granularity} bytes each`,
      node('n', { virtualSize: largest(granularity) }),
      { name: 'a', granularity },
      [],
    ],
    [
      `6: refuses one sector more with ${granularity} bytes each`,
      node('n', { virtualSize: largest(granularity) + 512 }),
      { name: 'a', granularity },
      [{ code: 'bitmap-too-large', ...at, granularity, smallestGranularity: granularity * 2 }],
    ],
    [
      `6: refuses one byte more with ${granularity} bytes each`,
      node('n', { virtualSize: largest(granularity) + 1 }),
      { name: 'a', granularity },
      [{ code: 'bitmap-too-large', ...at, granularity, smallestGranularity: granularity * 2 }],
    ],
  ]),
  [
    '6: judges by the granularity QEMU would choose, which follows the cluster size',
    node('n', { virtualSize: 64 * TiB, clusterSize: 512 }),
    { name: 'a' },
    [{ code: 'bitmap-too-large', ...at, granularity: 4096, smallestGranularity: 16384 }],
  ],
  [
    '6: takes that disk with larger clusters',
    node('n', { virtualSize: 64 * TiB, clusterSize: 2 ** 21 }),
    { name: 'a' },
    [],
  ],
  [
    '6: takes that disk with clusters that are not told',
    without(node('n', { virtualSize: 64 * TiB }), 'clusterSize'),
    { name: 'a' },
    [],
  ],
  ['7: takes the 65535th bitmap', node('n', { bitmaps: stored(65534, 5) }), { name: 'a' }, []],
  [
    '7: refuses the 65536th',
    node('n', { bitmaps: stored(65535, 5) }),
    { name: 'a' },
    [{ code: 'too-many-bitmaps', ...at }],
  ],
  [
    '7: does not count what is not stored',
    node('n', { bitmaps: stored(65535, 5).map((each) => ({ ...each, persistent: false })) }),
    { name: 'a' },
    [],
  ],
  // A name of 1023 bytes takes 1048 bytes of the directory: 64034 of them leave 208, of which one of 144 bytes takes 168.
  [
    '7: takes the last long name that fits into the directory',
    node('n', { bitmaps: stored(64033, 1023) }),
    { name: 'a'.repeat(1023) },
    [],
  ],
  [
    '7: fills the directory to the last byte',
    node('n', { bitmaps: [...stored(64034, 1023), bitmap('b'.repeat(144))] }),
    { name: 'a'.repeat(16) },
    [],
  ],
  [
    '7: refuses a name one byte longer',
    node('n', { bitmaps: [...stored(64034, 1023), bitmap('b'.repeat(144))] }),
    { name: 'a'.repeat(17) },
    [{ code: 'bitmap-directory-full', ...at }],
  ],
  [
    '7: refuses a name that is longer in bytes, not in characters',
    node('n', { bitmaps: [...stored(64034, 1023), bitmap('b'.repeat(144))] }),
    { name: 'é'.repeat(9) },
    [{ code: 'bitmap-directory-full', ...at }],
  ],
];

describe('checkNewBitmap', () => {
  it.each(cases)('%s', (_, image, asked, expected) => {
    expect(problemsOf(image, asked)).toEqual(expected);
  });

  it('2: refuses a read-only node, where QEMU takes the bitmap and loses it when the image is closed', () => {
    const image = node('n', { readOnly: true });
    expect(problemsOf(image, { name: 'a' })).toEqual([{ code: 'node-read-only', ...at }]);

    const qemu = startQemu(freshDomain(disk('vda', [image])));
    qemu.execute({
      kind: 'transaction',
      actions: [{ kind: 'bitmap-add', nodeName: 'n', bitmap: 'a', persistent: true, recording: true }],
    });
    expect(qemu.dirtyGranules('n', 'a')).toEqual([]);
    qemu.restart();
    expect(() => qemu.dirtyGranules('n', 'a')).toThrow("Dirty bitmap 'a' not found");
  });

  it('asks for a granularity that then is enough, whatever the size', () => {
    for (const virtualSize of [2 ** 41 + 1, 2 ** 50, 2 ** 50 + 1, 2 ** 53 - 1]) {
      const image = node('n', { virtualSize });
      const [problem] = problemsOf(image, { name: 'a', granularity: 512 });
      const { smallestGranularity } = problem as { readonly smallestGranularity: number };
      expect(problemsOf(image, { name: 'a', granularity: smallestGranularity })).toEqual([]);
      expect(problemsOf(image, { name: 'a', granularity: smallestGranularity / 2 })).toHaveLength(1);
    }
  });

  it('agrees with the model of QEMU about everything that it refuses', () => {
    // A control character is the one thing that QEMU takes and this library does not.
    const refusedByQemu = cases.filter(([sentence, , { name }]) => !sentence.startsWith('7') && !/\p{C}/u.test(name));
    for (const [sentence, image, asked, problems] of refusedByQemu) {
      const given = freshDomain(disk('vda', [image]));
      const { name, granularity } = asked;
      const run = () =>
        startQemu(given).execute({
          kind: 'transaction',
          actions: [
            {
              kind: 'bitmap-add',
              nodeName: 'n',
              bitmap: name,
              persistent: true,
              recording: true,
              ...(granularity !== undefined && { granularity }),
            },
          ],
        });
      if (problems.length === 0) expect(run, sentence).not.toThrow();
      else expect(run, sentence).toThrow(Error);
    }
  });

  it('is asked for every disk that takes part', () => {
    const given = freshDomain(disk('vda', [node('a', { format: 'raw' })]), disk('vdb', [node('b', { format: 'raw' })]));
    expect(() => planCreateCheckpoint(given, { name: 'x' }, { now })).toThrow(/node "a".*\n.*node "b"/);
  });
});
