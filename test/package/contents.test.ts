import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { extname, join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PackedPackage, packedPackage } from '../support/packed-package.js';

let packed: PackedPackage;
beforeAll(async () => {
  packed = await packedPackage();
  return () => packed[Symbol.asyncDispose]();
});

const read = (file: string) => readFile(join(packed.folder, file), 'utf8');
const ending = (...endings: readonly string[]) =>
  packed.files.filter((file) => endings.some((end) => file.endsWith(end)));

describe('the tarball', () => {
  it('holds what is built and what tells of it, and nothing else', () => {
    const places = new Set(packed.files.map((file) => (file.startsWith('dist/') ? `dist/*${extname(file)}` : file)));
    expect([...places].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/*.cjs',
      'dist/*.cts',
      'dist/*.js',
      'dist/*.map',
      'dist/*.ts',
      'package.json',
    ]);
  });

  it('has only declarations of what is TypeScript in it', () => {
    const typescript = ending('.ts', '.cts');
    expect(typescript.length).toBeGreaterThanOrEqual(4);
    expect(typescript.filter((file) => !/\.d\.c?ts$/.test(file))).toEqual([]);
  });
});

describe('its package.json', () => {
  it('says which Node it needs, that it has no side effects, and what it depends on', async () => {
    const { name, license, type, sideEffects, engines, dependencies } = JSON.parse(await read('package.json'));
    expect({ name, license, type, sideEffects, engines, dependencies: Object.keys(dependencies) }).toEqual({
      name: 'qemu-checkpoint',
      license: 'MIT',
      type: 'module',
      sideEffects: false,
      engines: { node: '>=20.19' },
      dependencies: ['immer', 'zod'],
    });
  });

  it('gives each format its own declarations, at each entry point', async () => {
    const { exports } = JSON.parse(await read('package.json'));
    const entry = (file: string) => ({
      import: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
      require: { types: `./dist/${file}.d.cts`, default: `./dist/${file}.cjs` },
    });
    expect(exports).toEqual({
      '.': entry('index'),
      './qmp': entry('qmp'),
      './package.json': './package.json',
    });
  });

  it('names no file that is not there', async () => {
    const { exports, bin, main, module, types } = JSON.parse(await read('package.json'));
    const named = [...JSON.stringify({ exports, bin, main, module, types }).matchAll(/"\.\/([^"]+\.\w+)"/g)];
    const files = named.map(([, file]) => file).filter((file) => file !== 'package.json');
    expect(files.length).toBe(12);
    expect(files.filter((file) => !packed.files.includes(file as string))).toEqual([]);
  });
});

describe('what is built', () => {
  it('imports built-in modules of Node by their prefix, and else only its dependencies', async () => {
    const imports = (await Promise.all(ending('.js', '.cjs').map(importsOf))).flat();
    const strangers = imports.filter((name) => !/^(\.\/|node:)/.test(name));
    expect(imports.filter((name) => isBuiltin(name) && name.startsWith('node:')).length).toBeGreaterThan(5);
    expect([...new Set(strangers)].sort()).toEqual(['immer', 'zod']);
  });

  it.each(['dist/index.js', 'dist/index.cjs'])('needs nothing of Node for the core, %s', async (entry) => {
    const outside = await importsBelow(entry);
    expect([...outside].sort()).toEqual(['immer', 'zod']);
  });

  it('does not speak of zod or immer in its types', async () => {
    const texts = await Promise.all(ending('.d.ts', '.d.cts').map(read));
    expect(texts.join('\n')).toContain('interface Domain');
    expect(texts.filter((text) => /zod|immer/i.test(text))).toEqual([]);
  });
});

async function importsOf(file: string): Promise<readonly string[]> {
  return ts.preProcessFile(await read(file), true, true).importedFiles.map(({ fileName }) => fileName);
}

/** All that a file imports from outside, by itself or through the files that it shares with others. */
async function importsBelow(entry: string): Promise<ReadonlySet<string>> {
  const outside = new Set<string>();
  const files = new Set([entry]);
  // A set hands out what is added to it while it is walked over.
  for (const file of files) {
    for (const name of await importsOf(file)) {
      if (name.startsWith('./')) files.add(`dist/${name.slice(2)}`);
      else outside.add(name);
    }
  }
  return outside;
}
