import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const beside = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const folder = process.env['LIBVIRT_CORPUS'] ?? beside;
const found = existsSync(join(folder, 'cases.json'));

/** Reads a file of the corpus: libvirt's own test data, which is not part of this project. */
export function readCorpus<T>(path: string): T {
  return JSON.parse(readFileSync(join(folder, path), 'utf8'));
}

/**
 * Describes tests on the corpus where it is: in `LIBVIRT_CORPUS`, or in `../shared/corpus`. Elsewhere they are passed over
 * and say so; in CI that is a failure.
 */
export function describeCorpus(name: string, body: () => void): void {
  if (found) describe(name, body);
  else {
    const reason = 'no corpus in ../shared/corpus: set LIBVIRT_CORPUS to its folder';
    const isCi = process.env['CI'] === 'true';
    describe.skipIf(!isCi)(`${name} (${reason})`, () => it('is there', () => expect(existsSync(folder)).toBe(true)));
  }
}

/** A transaction action as libvirt's files hold it. */
export interface CorpusAction {
  readonly type: string;
  readonly data: { readonly [member: string]: unknown };
}

interface Planned {
  readonly outcome: 'actions' | 'none' | 'error';
  readonly actions: readonly CorpusAction[] | null;
}

interface CorpusCaseBase {
  readonly id: string;
  /** Path of a recorded `query-named-block-nodes` reply. */
  readonly nodes: string;
  /** Node-names, the active layer first. */
  readonly chain: readonly string[];
}

interface DetectedNode {
  readonly qcow2v2: boolean;
  readonly bitmaps: readonly object[];
  readonly internalSnapshots: readonly { readonly name: string; readonly vmstate: boolean }[] | null;
}

export type CorpusCase = CorpusCaseBase &
  (
    | {
        readonly operation: 'detect';
        readonly candidateNodes: readonly string[];
        readonly expected: { readonly detected: { readonly [nodeName: string]: DetectedNode } };
      }
    | { readonly operation: 'validate'; readonly bitmap: string; readonly expected: { readonly valid: boolean } }
    | {
        readonly operation: 'backup-merge';
        readonly bitmap: string;
        readonly target: { readonly node: string; readonly bitmap: string };
        readonly expected: Planned;
      }
    | {
        readonly operation: 'checkpoint-delete';
        readonly bitmap: string;
        readonly disk: string;
        readonly expected: Planned & { readonly reopen: readonly string[] };
      }
    | {
        readonly operation: 'block-copy';
        readonly shallow: boolean;
        readonly mirror: { readonly node: string };
        readonly expected: Planned;
      }
    | {
        readonly operation: 'block-commit';
        readonly top: string;
        readonly base: string;
        readonly active: boolean;
        readonly baseFormat: string;
        readonly expected: Planned;
      }
  );

/** The cases of one operation. */
export function corpusCases<O extends CorpusCase['operation']>(
  operation: O,
): readonly (CorpusCase & { readonly operation: O })[] {
  const { cases } = readCorpus<{ readonly cases: readonly CorpusCase[] }>('cases.json');
  return cases.filter((each): each is CorpusCase & { readonly operation: O } => each.operation === operation);
}
