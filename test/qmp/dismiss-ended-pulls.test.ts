import { expect, it } from 'vitest';
import { dismissEndedPulls, scriptedSession } from '../../src/qmp/index.js';

it('forgets the pulls of this library that have ended, and no other job', async () => {
  const job = (id: string, type: string, status: string) => ({ id, type, status });
  const dismissed: unknown[] = [];
  const session = scriptedSession((command, args) => {
    if (command === 'job-dismiss') dismissed.push(args['id']);
    return [
      job('checkpoint-pull-vda-a-b', 'stream', 'concluded'),
      job('checkpoint-pull-vdb-a-b', 'stream', 'running'),
      job('checkpoint-commit-vdc-a-b', 'commit', 'concluded'),
      job('pull-vdd', 'stream', 'concluded'),
    ];
  });
  expect(await dismissEndedPulls(session)).toEqual(['checkpoint-pull-vda-a-b']);
  expect(dismissed).toEqual(['checkpoint-pull-vda-a-b']);
});
