import { describe, expect, it } from 'vitest';
import { writeLines } from '../../src/cli/write-lines.js';

/** What is written, in order, with where to; and the lines that write it. */
function written(isTTY?: boolean) {
  const texts: string[] = [];
  const to = (where: string) => ({ write: (text: string) => texts.push(`${where} ${JSON.stringify(text)}`) });
  const lines = writeLines(to('out'), { ...to('err'), ...(isTTY !== undefined && { isTTY }) });
  return { texts, ...lines };
}

describe('writeLines', () => {
  it('writes each line to where it belongs', () => {
    const { texts, print, complain } = written();
    print('a');
    complain('b');
    expect(texts).toEqual(['out "a\\n"', 'err "b\\n"']);
  });

  it.each([undefined, false])('writes no line over where standard error is no terminal: %s', (isTTY) => {
    expect(written(isTTY)).not.toHaveProperty('rewrite');
  });

  it('writes one over on a terminal, and clears it for any other', () => {
    const { texts, print, complain, rewrite } = written(true);
    rewrite?.('10 %');
    rewrite?.('20 %');
    print('a');
    print('b');
    rewrite?.('30 %');
    complain('c');
    const clear = '\\r\\u001b[K';
    expect(texts).toEqual([
      `err "${clear}10 %"`,
      `err "${clear}20 %"`,
      `err "${clear}"`,
      'out "a\\n"',
      'out "b\\n"',
      `err "${clear}30 %"`,
      `err "${clear}"`,
      'err "c\\n"',
    ]);
  });
});
