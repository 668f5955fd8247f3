import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type QmpSession, scriptedSession } from '../../src/qmp/index.js';
import { jobWaker } from '../../src/qmp/job-waker.js';

const silent: QmpSession = { execute: () => Promise.resolve({}) };
const change = { event: 'JOB_STATUS_CHANGE', data: { id: 'j', status: 'ready' } };

/** Lets what is due happen; no timer is awaited. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

describe('jobWaker', () => {
  it('wakes who waits when a job has changed', async () => {
    const session = scriptedSession(() => ({}));
    const waker = jobWaker(session);
    const waiting = waker.wait();
    await settle();
    session.emit(change);
    await waiting;
    waker.close();
  });

  it('does not let wait for what came before', async () => {
    const session = scriptedSession(() => ({}));
    const waker = jobWaker(session);
    session.emit(change);
    await settle();
    let woken = false;
    void waker.wait().then(() => {
      woken = true;
    });
    await settle();
    expect(woken).toBe(true);
    waker.close();
  });

  it('wakes who waits when the session ends', async () => {
    const session = scriptedSession(() => ({}));
    const waker = jobWaker(session);
    const waiting = waker.wait();
    await session.close();
    await waiting;
  });

  it('wakes who waits when the signal is aborted, before and meanwhile', async () => {
    const session = scriptedSession(() => ({}));
    const waker = jobWaker(session);
    const stop = new AbortController();
    let woken = 0;
    const wait = () =>
      void waker.wait(stop.signal).then(() => {
        woken += 1;
      });
    wait();
    await settle();
    expect(woken).toBe(0);
    stop.abort();
    await settle();
    expect(woken).toBe(1);
    wait();
    await settle();
    expect(woken).toBe(2);
    waker.close();
  });

  it('leaves nothing behind on the signal, however often it is waited', async () => {
    const waker = jobWaker(silent);
    const { signal } = new AbortController();
    await waker.wait(signal);
    await waker.wait(signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    waker.close();
  });
});
