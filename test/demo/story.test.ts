import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { replaySession } from '../../src/qmp/index.js';
import { describeOnEachQemu } from '../support/qemu/describe-on-each-qemu.js';
import { tellLive } from './live-story.js';
import { tellStory } from './story.js';

const lastTable = `    > tuesday     2023-11-15 22:13:20Z  128 KiB  0 B`;

describe('the story of npm start', () => {
  it.each(['7.2', '10.0'])('is told from the recording of QEMU %s, to its last line', async (version) => {
    const { lines, remaining } = await replay(version);
    expect(lines).toContain(lastTable);
    expect(remaining).toBe(0);
  });

  describeOnEachQemu('on a real daemon', (qemu) => {
    it('is told word for word as from the recording', async () => {
      const lines: string[] = [];
      await tellLive(qemu, (line) => lines.push(line));
      expect(lines).toEqual((await replay(qemu.version)).lines);
    });
  });
});

async function replay(version: string) {
  const session = replaySession(await readFile(`${import.meta.dirname}/../fixtures/${version}/story.jsonl`, 'utf8'));
  const lines: string[] = [];
  await tellStory(session, { say: (line) => lines.push(line), guestWrites: () => Promise.resolve() });
  return { lines, remaining: session.remaining };
}
