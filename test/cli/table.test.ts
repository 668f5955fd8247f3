import { describe, expect, it } from 'vitest';
import { statusOf } from '../../src/cli/status.js';
import { formatBytes, formatTable, formatTime } from '../../src/cli/table.js';
import { drawTree } from '../../src/cli/tree-picture.js';
import { checkpoint, domain, tree } from '../support/builders.js';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [65536, '64 KiB'],
    [1536, '1.5 KiB'],
    [2 ** 20 - 1, '1.0 MiB'],
    [3 * 2 ** 30, '3 GiB'],
    [2 ** 40, '1 TiB'],
    [2 ** 50, '1 PiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
    [2 ** 60, '1024 PiB'],
    [2 ** 61, '2048 PiB'],
  ])('%i is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatTime', () => {
  it.each([
    [0, '1970-01-01 00:00:00Z'],
    [1700000000, '2023-11-14 22:13:20Z'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ])('%i is %s', (seconds, text) => {
    expect(formatTime(seconds)).toBe(text);
  });
});

describe('a checkpoint whose backup is not complete', () => {
  const checkpoints = [checkpoint('monday'), checkpoint('tuesday', { parent: 'monday', provisional: true })];

  it.each<[string, string | undefined, readonly string[]]>([
    ['and that is current', 'tuesday', ['> tuesday (provisional)', '  monday']],
    ['and that is not', 'monday', ['  tuesday (provisional)', '> monday']],
  ])('%s is marked in the list', (_, current, names) => {
    const given = domain({ checkpoints: tree(checkpoints, current) });
    const [, ...rows] = formatTable(given, statusOf(given));
    expect(rows.map((row) => row.slice(0, row.indexOf('2023')).trimEnd())).toEqual(names);
  });

  it('is marked in the tree', () => {
    expect(drawTree(tree(checkpoints))).toEqual(['monday', '└─ tuesday  (current, provisional)']);
    expect(drawTree(tree(checkpoints, 'monday'))).toEqual(['monday  (current)', '└─ tuesday  (provisional)']);
  });
});
