import { describe, expect, it } from 'vitest';
import { readOptions } from '../src/cli/options.js';
import { typeErrors } from './support/compile-examples.js';
import { docstringExamples, type Example, needsQemu, readmeBlocks, readmeExamples } from './support/example.js';
import { runExample } from './support/run-example.js';

/** Examples that are only compiled, and why. */
const notRun: { readonly [name: string]: string } = {
  checkpointStore: 'it opens a folder of the machine',
  connect: 'it needs a running QEMU',
  guestAgent: 'it needs a guest with an agent',
  makeBackup: 'it needs a running QEMU; the README shows the same on one',
  recordSession: 'it needs a running QEMU',
  restoreBackup: 'it reads files; the README shows the same',
  runBackup: 'it needs a running QEMU; the README shows the same on one',
  verifyBackupFiles: 'it reads files; the README shows the same',
};

const examples = readmeExamples();
/** Those that need a QEMU run on a real one: test/live/readme.test.ts. */
const readme = examples.filter(({ code }) => !needsQemu(code));
const docstrings = docstringExamples();

describe('the README', () => {
  const commandLines = readmeBlocks()
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.match(/^qemu-checkpoint .*?(?= *#|$)/gm) ?? []);

  it.each(readme)('tells the truth: $name', expectTruth);

  it('has code where it explains how to use the library, and how it fails', () => {
    const sections = new Set(readme.map(({ name }) => name.replace(/, \d+$/, '')));
    expect([...sections]).toEqual(expect.arrayContaining(['In fifteen lines', 'Errors']));
  });

  it('has no block of code that is not tried: all else is command lines and pictures', () => {
    const languages = readmeBlocks().map(({ section, language }) =>
      language === '' ? `picture: ${section}` : language,
    );
    expect(commandLines.length).toBeGreaterThan(1);
    expect([...new Set(languages)].sort()).toEqual(['picture: Why nothing is chained', 'sh', 'ts']);
  });

  it.each(commandLines)('shows a command line that the command takes: %s', (line) => {
    expect(() => readOptions(line.split(' ').slice(1))).not.toThrow();
  });
});

describe('the docstrings', () => {
  it.each(docstrings.filter(({ name }) => !(name in notRun)))('tell the truth: $name', expectTruth);

  it('are found, also those that are not run', () => {
    const names = docstrings.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['planCreateCheckpoint', 'runPlan', ...Object.keys(notRun)]));
  });
});

describe('the compiler', () => {
  it('takes every example', () => {
    expect(typeErrors([...examples, ...docstrings])).toEqual([]);
  }, 180_000);
});

async function expectTruth(example: Example): Promise<void> {
  const shown = await runExample(example);
  expect(shown.length).toBeGreaterThan(0);
  for (const { expression, value, expected } of shown) {
    expect({ [expression]: value }).toStrictEqual({ [expression]: expected });
  }
}
