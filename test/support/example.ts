import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as core from '../../src/index.js';
import * as live from '../../src/live.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A module of TypeScript that is meant to be read: its comments tell the values of its expressions. */
export interface Example {
  /** Where it stands: the section of the README with its place in it, or what the docstring is of. */
  readonly name: string;
  readonly code: string;
}

/** A block between fences, in any language; `''` where none is said. */
export interface FencedBlock {
  readonly section: string;
  readonly language: string;
  readonly text: string;
}

export function readmeBlocks(): readonly FencedBlock[] {
  const sections = `\n${readFileSync(join(root, 'README.md'), 'utf8')}`.split(/^##? /m).slice(1);
  return sections.flatMap((section) => {
    const [title = ''] = section.split('\n', 1);
    return [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
      section: title,
      language,
      text,
    }));
  });
}

/** The examples of the README: each is a module of its own. */
export function readmeExamples(): readonly Example[] {
  const blocks = readmeBlocks().filter(({ language }) => language === 'ts');
  return blocks.map(({ section, text }, place) => {
    const before = blocks.slice(0, place).filter((block) => block.section === section).length;
    return { name: `${section}, ${before + 1}`, code: text };
  });
}

/** Whether an example connects to a running QEMU. */
export function needsQemu(code: string): boolean {
  return code.includes('await connect(');
}

/** The examples in the docstrings of what can be imported: each has all of that, and {@link exampleWorld}. */
export function docstringExamples(): readonly Example[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const docstring = /\/\*\*((?:(?!\*\/).)*)\*\/\s*export (?:async )?(?:function|class|const) (\w+)/gs;
  return files.sort().flatMap((file) =>
    [...readFileSync(join(root, 'src', file), 'utf8').matchAll(docstring)]
      .filter(([, , name = '']) => name in core || name in live)
      .flatMap(([, comment = '', name = '']) => {
        const text = comment.replaceAll(/^ *\* ?/gm, '');
        return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => ({
          name,
          code: `${prelude}{\n${code}}\n`,
        }));
      }),
  );
}

// What an example declares itself hides what is given here, since it has a block of its own.
const prelude = `
import { writeFile } from 'node:fs/promises';
import { ${Object.keys(core).join(', ')} } from 'qemu-checkpoint';
import { ${Object.keys(live).join(', ')} } from 'qemu-checkpoint/qmp';
import { exampleWorld } from '${join(root, 'test/support/example-world.js')}';
const { domain, vda, reply, session, store, monday, tuesday } = await exampleWorld();
`;
