import { describe, expect, it } from 'vitest';
import { parseNbdServer } from '../../../src/core/model/nbd-server.js';
import { contextOf, type NbdServer, nbdUri } from '../../../src/index.js';
import { codesOf, refusal } from '../../support/refusal.js';

const tcp = { type: 'tcp', host: 'backup.example', port: 10809 } as const;

describe('nbdUri', () => {
  it.each<[string, NbdServer, string, string]>([
    ['a UNIX socket', { type: 'unix', path: '/run/backup.sock' }, 'vda', 'nbd+unix:///vda?socket=/run/backup.sock'],
    [
      'names that mean something in an address',
      { type: 'unix', path: '/run/a b&c#d?e%' },
      'é /?#',
      'nbd+unix:///%C3%A9%20%2F%3F%23?socket=/run/a%20b%26c%23d%3Fe%25',
    ],
    ['the network in plain', tcp, 'vda', 'nbd://backup.example:10809/vda'],
    ['the network with credentials', { ...tcp, tlsCreds: 'tls0' }, 'vda', 'nbds://backup.example:10809/vda'],
    ['an IPv6 address', { ...tcp, host: '::1' }, 'vda', 'nbd://[::1]:10809/vda'],
    ['the export without a name', tcp, '', 'nbd://backup.example:10809/'],
  ])('spells %s', (_, server, exportName, uri) => {
    expect(nbdUri(server, exportName)).toBe(uri);
    const { pathname, searchParams } = new URL(uri);
    expect(decodeURIComponent(pathname.slice(1))).toBe(exportName);
    if (server.type === 'unix') expect(searchParams.get('socket')).toBe(server.path);
  });
});

describe('contextOf', () => {
  it('is what QEMU calls a bitmap that is exported', () => {
    expect(contextOf('checkpoint-backup-vda')).toBe('qemu:dirty-bitmap:checkpoint-backup-vda');
  });
});

describe('parseNbdServer', () => {
  it.each<[string, NbdServer]>([
    ['a UNIX socket', { type: 'unix', path: '/a' }],
    ['one that is there', { type: 'unix', path: '/a', running: true }],
    ['the network', tcp],
    ['the network with all that can be said', { ...tcp, tlsCreds: 'c', tlsAuthz: 'a', plain: true, running: true }],
  ])('takes %s', (_, server) => {
    expect(parseNbdServer({ ...server, more: 1 })).toStrictEqual(server);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['another type', { type: 'vsock' }],
    ['no path', { type: 'unix' }],
    ['an empty path', { type: 'unix', path: '' }],
    ['no host', { type: 'tcp', host: '', port: 1 }],
    ['a port of nothing', { ...tcp, port: 0 }],
    ['a port beyond', { ...tcp, port: 65536 }],
    ['a port as text', { ...tcp, port: '10809' }],
    ['credentials of nothing', { ...tcp, tlsCreds: '' }],
    ['running that is not so', { type: 'unix', path: '/a', running: false }],
  ])('refuses %s', (_, server) => {
    expect(codesOf(refusal(() => parseNbdServer(server)))).toEqual(['invalid-input']);
  });
});
