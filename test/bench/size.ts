import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bytes of the core, bundled and compressed as a page or a function would have it, without its dependencies. */
export async function coreSize(): Promise<{ readonly minified: number; readonly gzipped: number }> {
  const { outputFiles } = await build({
    entryPoints: ['dist/index.js'],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    external: ['zod', 'immer'],
  });
  const [{ contents }] = outputFiles as [(typeof outputFiles)[number]];
  return { minified: contents.length, gzipped: gzipSync(contents).length };
}

/** Milliseconds that a fresh process takes to import the core, dependencies included. */
export function importMilliseconds(): number {
  const script =
    "const start = performance.now(); await import('qemu-checkpoint'); console.log(performance.now() - start);";
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
}
