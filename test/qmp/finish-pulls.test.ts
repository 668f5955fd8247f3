import { expect, it } from 'vitest';
import { finishPulls, scriptedSession } from '../../src/qmp/index.js';
import { rejection } from '../support/rejection.js';

const job = (id: string, type: string, status: string, current = 0): object => {
  return { id, type, status, 'current-progress': current, 'total-progress': 2 };
};

/** A QEMU whose jobs are others each time it is asked. */
function looks(...states: readonly (readonly object[])[]) {
  const dismissed: unknown[] = [];
  let asked = 0;
  const session = scriptedSession((command, args) => {
    if (command === 'job-dismiss') dismissed.push(args['id']);
    if (command !== 'query-jobs') return {};
    asked += 1;
    return states[Math.min(asked, states.length) - 1] ?? [];
  });
  return { session, dismissed };
}

it('forgets the pulls of this library that have ended, failed ones too, and no other job', async () => {
  const { session, dismissed } = looks([
    job('checkpoint-pull-vda-a-b', 'stream', 'concluded'),
    { ...job('checkpoint-pull-vdb-a-b', 'stream', 'concluded'), error: 'No space left on device' },
    job('checkpoint-commit-vdc-a-b', 'commit', 'concluded'),
    job('pull-vdd', 'stream', 'running'),
  ]);
  expect(await finishPulls(session)).toEqual(['checkpoint-pull-vda-a-b', 'checkpoint-pull-vdb-a-b']);
  expect(dismissed).toEqual(['checkpoint-pull-vda-a-b', 'checkpoint-pull-vdb-a-b']);
});

it('waits for one that runs, for it may end when the nodes are asked for, and tells how far it is', async () => {
  const id = 'checkpoint-pull-vda-a-b';
  const running = [job(id, 'stream', 'running', 1)];
  const { session, dismissed } = looks(running, running, [job(id, 'stream', 'concluded', 2)]);
  const told: unknown[] = [];
  expect(await finishPulls(session, { onProgress: (of, { current }) => told.push([of, current]) })).toEqual([id]);
  expect(told).toEqual([
    [id, 1],
    [id, 2],
  ]);
  expect(dismissed).toEqual([id]);
});

it('passes over one that someone else dismisses meanwhile', async () => {
  const { session, dismissed } = looks([job('checkpoint-pull-vda-a-b', 'stream', 'running')], []);
  expect(await finishPulls(session)).toEqual([]);
  expect(dismissed).toEqual([]);
});

it('waits no longer than its signal says', async () => {
  const { session, dismissed } = looks([job('checkpoint-pull-vda-a-b', 'stream', 'running')]);
  const reason = new Error('that is enough');
  const stopping = new AbortController();
  const stopped = rejection(
    finishPulls(session, { signal: stopping.signal, onProgress: () => stopping.abort(reason) }),
  );
  expect(await stopped).toBe(reason);
  expect(dismissed).toEqual([]);
});
