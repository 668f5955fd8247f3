import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Example } from './example.js';
import { temporaryFolder } from './qemu/temporary-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A value that an example tells, and the one that its expression has. */
export interface ShownValue {
  readonly expression: string;
  readonly value: unknown;
  readonly expected: unknown;
}

/**
 * Runs an example on the sources.
 *
 * An expression that is a statement may have its value in a comment: at the end of its line, or in the lines below it. What
 * stands after the value and a colon is for people.
 */
export async function runExample({ code }: Example): Promise<readonly ShownValue[]> {
  const told = toldValues(code);
  // From the end, so that the places of those before stay what they are.
  const instrumented = told.toReversed().reduce((text, { start, end, expression, expected }) => {
    const value = `{ expression: ${JSON.stringify(expression)}, value: ${expression}, expected: ${expected} }`;
    return `${text.slice(0, start)}shown.push(${value});${text.slice(end)}`;
  }, code);
  const onSources = instrumented
    .replaceAll("'qemu-checkpoint'", JSON.stringify(join(root, 'src/index.js')))
    .replaceAll("'qemu-checkpoint/qmp'", JSON.stringify(join(root, 'src/live.js')));
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'example.mts');
  await writeFile(file, `export const shown = [];\n${onSources}`);
  const { shown } = (await import(/* @vite-ignore */ file)) as { readonly shown: readonly ShownValue[] };
  if (shown.length !== told.length) throw new Error(`of ${told.length} expressions ${shown.length} were reached`);
  return shown;
}

interface ToldValue {
  /** The statement begins and ends here. */
  readonly start: number;
  readonly end: number;
  readonly expression: string;
  readonly expected: string;
}

function toldValues(code: string): readonly ToldValue[] {
  const found: ToldValue[] = [];
  const visit = (node: ts.Node): void => {
    const comment = ts.isExpressionStatement(node) ? commentAfter(code, node.end) : undefined;
    if (ts.isExpressionStatement(node) && comment !== undefined) {
      const expression = node.expression.getText();
      found.push({ start: node.getStart(), end: node.end, expression, expected: valueIn(comment, expression) });
    } else ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('example.mts', code, ts.ScriptTarget.Latest, true));
  return found;
}

/** The text of a comment at the end of the line, or of those that fill the next ones. */
function commentAfter(code: string, end: number): string | undefined {
  const [comment] = /^ *\/\/.*(\n *\/\/.*)*|^(\n *\/\/.*)+/.exec(code.slice(end)) ?? [];
  return comment?.replaceAll(/^ *\/\/ ?/gm, '').trim();
}

function valueIn(comment: string, expression: string): string {
  const ends = [...comment.matchAll(/: |$/g)].map(({ index }) => comment.slice(0, index));
  const value = [comment, ...ends].find((text) => isExpression(text));
  if (value === undefined) throw new Error(`the comment after "${expression}" is no value: ${comment}`);
  return value;
}

function isExpression(text: string): boolean {
  const { diagnostics = [] } = ts.transpileModule(`(${text}\n)`, { reportDiagnostics: true });
  return text !== '' && diagnostics.length === 0;
}
