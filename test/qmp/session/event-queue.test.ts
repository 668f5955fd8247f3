import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedQueue } from '../../../src/qmp/session/bounded-queue.js';
import { eventQueue } from '../../../src/qmp/session/event-queue.js';
import { sessionEvents } from '../../../src/qmp/session/session-events.js';
import { rejection } from '../../support/rejection.js';

describe('boundedQueue', () => {
  it('is a list that loses its first item when it is full', () => {
    const operations = fc.array(fc.oneof(fc.nat(), fc.constantFrom('take', 'clear')));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), operations, (limit, steps) => {
        const queue = boundedQueue<number>(limit);
        let list: number[] = [];
        for (const step of steps) {
          if (step === 'take') expect(queue.take()).toBe(list.shift());
          else if (step === 'clear') {
            queue.clear();
            list = [];
          } else {
            expect(queue.put(step as number)).toBe(list.length === limit);
            list = [...list, step as number].slice(-limit);
          }
        }
        expect(list.map(() => queue.take())).toEqual(list);
        expect(queue.take()).toBeUndefined();
      }),
    );
  });
});

describe('eventQueue', () => {
  it('loses no event without telling: what is read and what was dropped are all there were', async () => {
    const steps = fc.array(fc.constantFrom('put', 'read'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (limit, order) => {
        const { events, put, end } = eventQueue(limit, () => undefined);
        const reads: Promise<IteratorResult<{ event: string; droppedBefore?: number }>>[] = [];
        let count = 0;
        for (const step of order) {
          if (step === 'read') reads.push(events.next());
          else put({ event: String(count++) });
        }
        end();
        for (let left = 0; left <= limit; left += 1) reads.push(events.next());
        let next = 0;
        for (const { value, done } of await Promise.all(reads)) {
          if (done) continue;
          next += value.droppedBefore ?? 0;
          expect(value.event).toBe(String(next++));
        }
        expect(next).toBe(count);
      }),
    );
  });

  it('gives what came before a failure, throws it once, and is at its end', async () => {
    const { events, put, end } = eventQueue(10, () => undefined);
    put({ event: 'STOP' });
    end(new Error('gone'));
    put({ event: 'RESUME' });
    expect(await events.next()).toEqual({ value: { event: 'STOP' }, done: false });
    expect(await rejection(events.next())).toEqual(new Error('gone'));
    expect((await events.next()).done).toBe(true);
  });

  it('throws a failure to the first of those who wait, and ends the others', async () => {
    const { events, end } = eventQueue(10, () => undefined);
    const [first, second] = [rejection(events.next()), events.next()];
    end(new Error('gone'));
    expect(await first).toEqual(new Error('gone'));
    expect((await second).done).toBe(true);
  });

  it('is at its end once its reader has left, and forgets what was there', async () => {
    let left = 0;
    const { events, put } = eventQueue(10, () => {
      left += 1;
    });
    put({ event: 'STOP' });
    put({ event: 'RESUME' });
    for await (const { event } of events) {
      expect(event).toBe('STOP');
      break;
    }
    expect(left).toBe(1);
    expect((await events.next()).done).toBe(true);
  });
});

describe('sessionEvents', () => {
  it('lets a filter that throws harm its own reader only', async () => {
    const { subscribe, publish } = sessionEvents();
    let asked = 0;
    const broken = subscribe(() => {
      asked += 1;
      throw new Error('my own fault');
    });
    const whole = subscribe();
    publish({ event: 'STOP' });
    publish({ event: 'RESUME' });
    expect(await rejection(broken.next())).toEqual(new Error('my own fault'));
    expect((await broken.next()).done).toBe(true);
    expect(asked).toBe(1);
    expect((await whole.next()).value).toEqual({ event: 'STOP' });
    expect((await whole.next()).value).toEqual({ event: 'RESUME' });
  });

  it('tells an event to all who are there when it comes, and to nobody later', async () => {
    const { subscribe, publish, end } = sessionEvents();
    const early = [subscribe(), subscribe('STOP')];
    publish({ event: 'STOP' });
    const late = subscribe();
    end();
    for (const events of early) expect((await events.next()).value).toEqual({ event: 'STOP' });
    for (const events of [...early, late, subscribe()]) expect((await events.next()).done).toBe(true);
  });
});
