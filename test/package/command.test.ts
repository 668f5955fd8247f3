import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PackedPackage, packedPackage, runNode } from '../support/packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packedPackage();
  return () => packed[Symbol.asyncDispose]();
});

const recorded = fileURLToPath(new URL('../fixtures/7.2/basic.json', import.meta.url));
const command = (...args: readonly string[]) => runNode(packed, join(packed.folder, 'dist', 'cli.js'), ...args);

describe('the command of the package', () => {
  it('is what package.json names, and can be executed', async () => {
    const { bin } = JSON.parse(await readFile(join(packed.folder, 'package.json'), 'utf8'));
    expect(bin).toEqual({ 'qemu-checkpoint': './dist/cli.js' });
    const text = await readFile(join(packed.folder, 'dist', 'cli.js'), 'utf8');
    expect(text.split('\n', 1)).toEqual(['#!/usr/bin/env node']);
    expect((await stat(join(packed.folder, 'dist', 'cli.js'))).mode & 0o111).toBe(0o111);
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile(join(packed.folder, 'package.json'), 'utf8'));
    expect(await command('--version')).toBe(`${version}\n`);
  });

  it('tells what it takes', async () => {
    expect(await command('--help')).toMatch(/^Usage: .*--qmp.*--block-nodes/s);
  });

  it('prints the QMP command of a create in one line', async () => {
    const line = await command('create', '--block-nodes', recorded, '--disk', 'vda=vda', '--name', 'friday');
    expect(line).toMatch(/^\{.*\}\n$/);
    const add = { type: 'block-dirty-bitmap-add', data: { node: 'vda', name: 'friday', persistent: true } };
    expect(JSON.parse(line)).toEqual({ execute: 'transaction', arguments: { actions: [add] } });
  });

  it('ends with status 2, and says so, where the command line is wrong', async () => {
    await expect(command('destroy')).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('there is no command "destroy"'),
    });
  });
});
