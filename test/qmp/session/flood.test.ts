import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/qmp/session.js';
import { type FakePeer, fakeMonitor } from '../../support/fake-monitor.js';
import { rejection } from '../../support/rejection.js';

const count = 100_000;

describe(`a flood of ${count} events`, () => {
  it('leaves a bounded queue, says how many were dropped, and holds up no command', async () => {
    await using monitor = await fakeMonitor();
    await using session = await connect(monitor.address);
    const peer = await monitor.peer;
    const slow = session.events('FLOOD');
    const slower = session.events('FLOOD', { limit: 3 });
    const broken = session.events(() => {
      throw new Error('my own fault');
    });
    const before = heapUsed();
    const answers: Promise<unknown>[] = [];
    await flood(peer, (index) => {
      // A command now and then, in the midst of it.
      if (index % 10_000 === 0) answers.push(answered(peer, session.execute('query-version'), index));
    });
    answers.push(answered(peer, session.execute('query-version'), count));
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => index * 10_000));
    // Kept were 1027 events of some 300 bytes each, and not 100,000 of them.
    expect(heapUsed() - before).toBeLessThan(10e6);

    await session.close();
    for (const [events, limit] of [
      [slow, 1024],
      [slower, 3],
    ] as const) {
      const read = [];
      for await (const event of events) read.push(event);
      expect(read.length).toBe(limit);
      expect(read[0]?.droppedBefore).toBe(count - limit);
      expect(read.slice(1).every((event) => event.droppedBefore === undefined)).toBe(true);
      expect(read.map(({ data }) => data?.['index'])).toEqual(read.map((_, index) => count - limit + index));
    }
    expect(await rejection(broken.next())).toEqual(new Error('my own fault'));
  });

  it('loses nothing where it is read as it comes', async () => {
    await using monitor = await fakeMonitor();
    await using session = await connect(monitor.address);
    const events = session.events('FLOOD', { limit: 20_000 });
    const flooding = flood(await monitor.peer, () => undefined);
    let next = 0;
    for await (const { data, droppedBefore } of events) {
      if (droppedBefore !== undefined || data?.['index'] !== next) expect.unreachable(`event ${next} was lost`);
      next += 1;
      if (next === count) break;
    }
    await flooding;
  });
});

/** Sends them as fast as the session takes them. */
async function flood({ socket }: FakePeer, between: (index: number) => void): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    between(index);
    const event = {
      event: 'FLOOD',
      data: { index, padding: 'x'.repeat(100) },
      timestamp: { seconds: 1, microseconds: 2 },
    };
    if (!socket.write(`${JSON.stringify(event)}\r\n`)) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

async function answered(peer: FakePeer, answer: Promise<unknown>, value: number): Promise<unknown> {
  const { id } = await peer.next();
  peer.send({ return: value, id });
  return await answer;
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
