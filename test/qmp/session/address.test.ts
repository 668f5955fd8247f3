import { describe, expect, it } from 'vitest';
import { isCheckpointError } from '../../../src/core/error.js';
import { describeAddress, parseAddress, type QmpAddress } from '../../../src/qmp/session/address.js';

describe('parseAddress', () => {
  it.each<[QmpAddress, object, string]>([
    ['/run/vm.qmp', { path: '/run/vm.qmp' }, '/run/vm.qmp'],
    ['./vm.qmp', { path: './vm.qmp' }, './vm.qmp'],
    ['unix:vm.qmp', { path: 'vm.qmp' }, 'vm.qmp'],
    ['unix:/run/vm:1', { path: '/run/vm:1' }, '/run/vm:1'],
    ['/run/vm:1', { path: '/run/vm:1' }, '/run/vm:1'],
    [`/${'a'.repeat(106)}`, { path: `/${'a'.repeat(106)}` }, `/${'a'.repeat(106)}`],
    ['localhost:4444', { host: 'localhost', port: 4444 }, 'localhost:4444'],
    ['tcp:10.0.0.1:1', { host: '10.0.0.1', port: 1 }, '10.0.0.1:1'],
    [':65535', { host: 'localhost', port: 65535 }, 'localhost:65535'],
    ['[::1]:4444', { host: '::1', port: 4444 }, '[::1]:4444'],
    ['tcp:[fe80::1]:4444', { host: 'fe80::1', port: 4444 }, '[fe80::1]:4444'],
    [{ path: 'vm.qmp' }, { path: 'vm.qmp' }, 'vm.qmp'],
    [{ host: 'vm.example', port: 4444 }, { host: 'vm.example', port: 4444 }, 'vm.example:4444'],
    [{ port: 4444 }, { host: 'localhost', port: 4444 }, 'localhost:4444'],
  ])('reads %j as %j', (address, parsed, described) => {
    expect(parseAddress(address)).toEqual(parsed);
    expect(describeAddress(parseAddress(address))).toBe(described);
  });

  it.each<[unknown]>([
    [''],
    ['vm.qmp'],
    ['unix:'],
    ['localhost'],
    ['localhost:'],
    ['localhost:0'],
    ['localhost:65536'],
    ['localhost:44x'],
    ['a:b:4444'],
    ['tcp:/run/vm.qmp'],
    [null],
    [undefined],
    [4444],
    [{}],
    [{ path: '' }],
    [{ path: 7 }],
    [{ port: '4444' }],
    [{ host: 7, port: 4444 }],
  ])('refuses %j', (address) => {
    expect(refusal(address)).toMatch(/^address must be a path with a slash, "unix:PATH", "HOST:PORT" or a stream/);
  });

  it('refuses a path that the kernel would cut off', () => {
    expect(refusal(`/${'a'.repeat(107)}`)).toMatch(
      /^address must be a path of at most 107 bytes; make a symbolic link/,
    );
    expect(refusal(`/${'é'.repeat(54)}`)).toMatch(/^address must be a path of at most 107 bytes/);
  });
});

function refusal(address: unknown): string | undefined {
  try {
    parseAddress(address as QmpAddress);
  } catch (error) {
    if (isCheckpointError(error)) return error.message;
    throw error;
  }
  return undefined;
}
