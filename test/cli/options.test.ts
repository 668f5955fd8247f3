import { describe, expect, it } from 'vitest';
import { readOptions } from '../../src/cli/options.js';

const nothing = { disks: [], dryRun: false, metadataOnly: false, layers: false, json: false };
const live = { qmp: '/run/q', store: 'dir' };
const words = (line: string) => line.split(' ');

describe('readOptions', () => {
  it.each<[string, object]>([
    ['list', { command: 'list' }],
    ['create', { command: 'create' }],
    ['create monday', { command: 'create', name: 'monday' }],
    ['create --name monday', { command: 'create', name: 'monday' }],
    ['create --name=-', { command: 'create', name: '-' }],
    ['create -- -monday', { command: 'create', name: '-monday' }],
    ['list --block-nodes r --tree -', { command: 'list', blockNodes: 'r', tree: '-' }],
    ['list --domain d', { command: 'list', domain: 'd' }],
    [
      'list --disk vda=a --disk vdb=b=c',
      {
        command: 'list',
        disks: [
          { diskTarget: 'vda', nodeName: 'a' },
          { diskTarget: 'vdb', nodeName: 'b=c' },
        ],
      },
    ],
    ['create --description x', { command: 'create', description: 'x' }],
    ['create --only vda --only vdb', { command: 'create', only: ['vda', 'vdb'] }],
    ['create --granularity 512 --now 0', { command: 'create', granularity: 512, now: 0 }],
    ['delete a --children delete-only', { command: 'delete', name: 'a', children: 'delete-only' }],
    ['delete a --metadata-only', { command: 'delete', name: 'a', metadataOnly: true }],
    ['list --layers --json', { command: 'list', layers: true, json: true }],
    ['list --qmp /run/q --store dir', { command: 'list', live }],
    ['create --qmp /run/q --store dir --dry-run', { command: 'create', live, dryRun: true }],
    ['reconcile --qmp /run/q --store dir', { command: 'reconcile', live }],
  ])('reads "%s"', (line, expected) => {
    expect(readOptions(words(line))).toStrictEqual({ ...nothing, ...expected });
  });

  it.each(['help', 'version'] as const)('asks for --%s alone, whatever else is there', (asked) => {
    expect(readOptions(words(`create --json --${asked}`))).toBe(asked);
  });

  it('leaves what it reads as it was', () => {
    const argv = Object.freeze(words('create monday --domain d'));
    expect(() => readOptions(argv)).not.toThrow();
  });
});
