import { describe, expect, it } from 'vitest';
import { readOptions } from '../../src/cli/options.js';

const switches = {
  dryRun: false,
  metadataOnly: false,
  shallow: false,
  endCheckpoints: false,
  layers: false,
  overwrite: false,
  compress: false,
  fleecing: false,
  sha256: false,
  keepOthers: false,
  json: false,
};
const nothing = { disks: [], ...switches };
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
    ['create --quiesce /run/a --qmp /run/q --store dir', { command: 'create', live, quiesce: '/run/a' }],
    [
      'snapshot --overlay vda=m --quiesce /run/a --qmp /run/q --store dir',
      { command: 'snapshot', live, overlays: [{ diskTarget: 'vda', nodeName: 'm' }], quiesce: '/run/a' },
    ],
    ['delete a --children delete-only', { command: 'delete', name: 'a', children: 'delete-only' }],
    ['delete a --metadata-only', { command: 'delete', name: 'a', metadataOnly: true }],
    [
      'snapshot --overlay vda=n:/a=b:c --overlay vdb=m',
      {
        command: 'snapshot',
        overlays: [
          { diskTarget: 'vda', nodeName: 'n', filename: '/a=b:c' },
          { diskTarget: 'vdb', nodeName: 'm' },
        ],
      },
    ],
    [
      'snapshot --overlay vda=m --checkpoint c --description x --only vda --granularity 512 --now 7',
      {
        command: 'snapshot',
        overlays: [{ diskTarget: 'vda', nodeName: 'm' }],
        checkpoint: 'c',
        description: 'x',
        only: ['vda'],
        granularity: 512,
        now: 7,
      },
    ],
    ['commit vda', { command: 'commit', target: 'vda' }],
    [
      'commit vda --top a --base b --end-checkpoints',
      { command: 'commit', target: 'vda', top: 'a', base: 'b', endCheckpoints: true },
    ],
    ['copy vda --mirror n:f', { command: 'copy', target: 'vda', mirror: { nodeName: 'n', filename: 'f' } }],
    ['copy vda --mirror n --shallow', { command: 'copy', target: 'vda', mirror: { nodeName: 'n' }, shallow: true }],
    ['rescue a --only vda', { command: 'rescue', name: 'a', only: ['vda'] }],
    ['pull vda --base b', { command: 'pull', target: 'vda', base: 'b' }],
    ['list --layers --json', { command: 'list', layers: true, json: true }],
    ['list --qmp /run/q --store dir', { command: 'list', live }],
    ['create --qmp /run/q --store dir --dry-run', { command: 'create', live, dryRun: true }],
    ['reconcile --qmp /run/q --store dir', { command: 'reconcile', live }],
    ['backup auto dir --qmp /run/q --store dir', { command: 'backup', kind: 'auto', directory: 'dir', live }],
    [
      'backup inc dir --qmp /run/q --store dir --name a --only vda --mode pull --fleecing --socket s --machine web --sha256 --keep-others',
      {
        command: 'backup',
        kind: 'inc',
        directory: 'dir',
        live,
        name: 'a',
        only: ['vda'],
        mode: 'pull',
        fleecing: true,
        socket: 's',
        machine: 'web',
        sha256: true,
        keepOthers: true,
      },
    ],
    [
      'backup full dir --qmp /run/q --store dir --speed 1048576 --compress --quiesce agent --dry-run',
      {
        command: 'backup',
        kind: 'full',
        directory: 'dir',
        live,
        speed: 1048576,
        compress: true,
        quiesce: 'agent',
        dryRun: true,
      },
    ],
    ['verify dir --json', { command: 'verify', directory: 'dir', json: true }],
    ['restore dir out --point a', { command: 'restore', directory: 'dir', output: 'out', point: 'a' }],
    [
      'restore dir out --point a --only vda --only vdb --format raw --overwrite --dry-run',
      {
        command: 'restore',
        directory: 'dir',
        output: 'out',
        point: 'a',
        only: ['vda', 'vdb'],
        format: 'raw',
        overwrite: true,
        dryRun: true,
      },
    ],
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
