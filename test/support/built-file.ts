import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** A file of the built package; `npm test` builds it first. */
export function builtFile(name: string): string {
  const path = resolve(import.meta.dirname, '../../dist', name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run "npm run build" first`);
  return path;
}
