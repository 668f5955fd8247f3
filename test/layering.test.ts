import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

interface Import {
  /** Path of the importing file below src. */
  readonly file: string;
  /** Path of the imported file below src, or the name of a package. */
  readonly of: string;
  /** It is there for the compiler alone and gone when the program runs. */
  readonly typeOnly: boolean;
  readonly named: readonly string[];
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'));
const imports = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));

/** The layer of a file is its folder; the entry points are of their own. Each may import itself and these. */
const arrows: { readonly [layer: string]: readonly string[] } = {
  core: [],
  'index.ts': ['core'],
  'live.ts': ['qmp', 'store', 'backup'],
  qmp: ['core'],
  store: ['core'],
  libvirt: ['core'],
  backup: ['core', 'qmp', 'store'],
  cli: ['core', 'index.ts', 'qmp', 'store', 'libvirt', 'backup'],
};
const layerOf = (file: string) => file.split('/')[0] as string;
const isOurs = (of: string) => of.endsWith('.ts');

const packagesOf: { readonly [layer: string]: readonly string[] } = {
  core: ['zod', 'immer'],
  'index.ts': [],
  'live.ts': [],
  qmp: ['zod'],
  store: ['zod'],
  libvirt: ['zod', 'saxes'],
  backup: ['zod'],
  // Its own version stands there.
  cli: ['qemu-checkpoint/package.json'],
};

/** The session, the guest agent, the stores, backups and the command line; all else is pure. */
const mayUseNode = /^(qmp\/(session|guest-agent)(\.ts|\/.+)|store\/.+|backup\/.+|cli\/.+)$/;

describe('the layers', () => {
  it('are read from every file, and each file is in one of them', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(imports.length).toBeGreaterThan(files.length);
    expect(files.filter((file) => !(layerOf(file) in arrows))).toEqual([]);
  });

  it.each(Object.keys(arrows))('%s imports only itself and what lies below it', (layer) => {
    const wrong = imports.filter(({ file, of }) => {
      const permitted = [layer, ...(arrows[layer] ?? [])];
      return layerOf(file) === layer && isOurs(of) && !permitted.includes(layerOf(of));
    });
    expect(wrong).toEqual([]);
  });

  it.each(Object.keys(packagesOf))('%s imports no other package than it may', (layer) => {
    const packages = imports.filter(({ file, of }) => layerOf(file) === layer && !isOurs(of));
    const wrong = packages.filter(({ of }) => !of.startsWith('node:') && !packagesOf[layer]?.includes(of));
    expect(wrong).toEqual([]);
  });

  it('import modules of Node only where there is I/O', () => {
    expect(imports.filter(({ file, of }) => of.startsWith('node:') && !mayUseNode.test(file))).toEqual([]);
  });

  it('import zod whole: by its name alone it brings every locale along', () => {
    const zod = imports.filter(({ of }) => of === 'zod');
    expect(zod.length).toBeGreaterThan(5);
    expect(zod.filter(({ named }) => named.includes('z'))).toEqual([]);
  });

  it('have no circle of files that need each other when the program starts', () => {
    const needs = new Map<string, readonly string[]>(
      files.map((file) => [file, imports.filter((each) => each.file === file && !each.typeOnly).map(({ of }) => of)]),
    );
    expect(files.filter((file) => reaches(needs, file, file))).toEqual([]);
  });

  it('are entered by index.ts, which names things and does nothing', () => {
    const { statements } = parse('index.ts', readFileSync(join(root, 'index.ts'), 'utf8'));
    expect(
      statements.filter((each) => !ts.isExportDeclaration(each) || !each.moduleSpecifier || !each.exportClause),
    ).toEqual([]);
  });
});

describe('reading imports', () => {
  it('finds every form of one', () => {
    const text = `
      import a, { type b, c } from './x.js';
      import type { d } from '../y.js';
      import 'node:fs';
      import * as z from 'zod';
      export { e } from './x.js';
      const late = await import('./late.js');
      const old = require('./old.js');`;
    expect(importsOf('qmp/f.ts', text)).toEqual([
      { file: 'qmp/f.ts', of: 'qmp/x.ts', typeOnly: false, named: ['b', 'c'] },
      { file: 'qmp/f.ts', of: 'y.ts', typeOnly: true, named: ['d'] },
      { file: 'qmp/f.ts', of: 'node:fs', typeOnly: false, named: [] },
      { file: 'qmp/f.ts', of: 'zod', typeOnly: false, named: [] },
      { file: 'qmp/f.ts', of: 'qmp/x.ts', typeOnly: false, named: [] },
      { file: 'qmp/f.ts', of: 'qmp/late.ts', typeOnly: false, named: [] },
      { file: 'qmp/f.ts', of: 'qmp/old.ts', typeOnly: false, named: [] },
    ]);
  });
});

function parse(file: string, text: string): ts.SourceFile {
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

function importsOf(file: string, text: string): readonly Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean, named: readonly string[]) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const of = specifier.text.startsWith('.')
      ? posix.join(posix.dirname(file), specifier.text).replace(/\.js$/, '.ts')
      : specifier.text;
    found.push({ file, of, typeOnly, named });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      const named = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
      const typeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      add(
        node.moduleSpecifier,
        typeOnly,
        named.map(({ name, propertyName }) => (propertyName ?? name).text),
      );
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, []);
    else if (ts.isCallExpression(node) && /^(import|require)$/.test(node.expression.getText()))
      add(node.arguments[0], false, []);
    else ts.forEachChild(node, visit);
  };
  ts.forEachChild(parse(file, text), visit);
  return found;
}

function reaches(needs: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const reached = new Set(needs.get(from));
  // A set hands out what is added to it while it is walked over.
  for (const file of reached) for (const next of needs.get(file) ?? []) reached.add(next);
  return reached.has(to);
}
