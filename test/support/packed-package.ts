import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from './qemu/temporary-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The package as npm publishes it, unpacked where a project has its dependencies. */
export interface PackedPackage extends AsyncDisposable {
  /** Folder of the project, with a `node_modules`. */
  readonly project: string;
  /** Folder of the package. */
  readonly folder: string;
  /** All files of the package, as paths below its folder, sorted. */
  readonly files: readonly string[];
}

/** Packs what is built and unpacks it in a project that has nothing but its dependencies, and those given. */
export async function packedPackage(...others: readonly string[]): Promise<PackedPackage> {
  // Declarations are what a build writes last.
  if (!existsSync(join(root, 'dist', 'qmp.d.cts')))
    throw new Error('there is nothing to pack: run npm run build first');
  const { path: project, [Symbol.asyncDispose]: remove } = await temporaryFolder();
  const modules = join(project, 'node_modules');
  const folder = join(modules, 'qemu-checkpoint');
  await mkdir(folder, { recursive: true });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], { cwd: root });
  const [tarball] = (await readdir(project)).filter((file) => file.endsWith('.tgz'));
  await run('tar', ['-xzf', join(project, tarball as string), '--strip-components=1', '-C', folder]);
  for (const dependency of ['zod', 'immer', ...others]) {
    const link = join(modules, dependency);
    await mkdir(join(link, '..'), { recursive: true });
    await symlink(join(root, 'node_modules', dependency), link);
  }
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const below = files.map((file) => file.slice(folder.length + 1)).sort();
  return { project, folder, files: below, [Symbol.asyncDispose]: remove };
}

/** Runs Node in the project, and gives what it printed. */
export async function runNode({ project }: PackedPackage, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd: project });
  return stdout;
}

/** Evaluates a module, or a script of CommonJS, in the project: what it prints is JSON. */
export async function evaluate(packed: PackedPackage, format: 'module' | 'commonjs', source: string): Promise<unknown> {
  return JSON.parse(await runNode(packed, `--input-type=${format}`, '--eval', source));
}
