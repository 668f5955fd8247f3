import type { Domain } from '../../../src/index.js';
import type { CheckpointStore, QmpSession } from '../../../src/live.js';

/** What a backup may leave behind and must not, in words: jobs, exports, nodes, bitmaps, and what the store has noted. */
export async function backupLeftovers(
  session: QmpSession,
  { disks, otherNodes = [], checkpoints }: Domain,
  store: Pick<CheckpointStore, 'load'>,
): Promise<readonly string[]> {
  const jobs = (await session.execute('query-jobs')) as readonly { readonly id: string }[];
  const exports = (await session.execute('query-block-exports')) as readonly { readonly id: string }[];
  const names = new Set(checkpoints.checkpoints.map(({ name }) => name));
  const strangers = disks.flatMap(({ backingChain }) =>
    backingChain.flatMap(({ nodeName, bitmaps }) =>
      bitmaps.filter(({ name }) => !names.has(name)).map(({ name }) => `bitmap ${name} on ${nodeName}`),
    ),
  );
  return [
    ...jobs.map(({ id }) => `job ${id}`),
    ...exports.filter(({ id }) => !id.startsWith('guest-')).map(({ id }) => `export ${id}`),
    ...otherNodes.map(({ nodeName }) => `node ${nodeName}`),
    ...strangers,
    ...checkpoints.checkpoints.filter(({ provisional }) => provisional).map(({ name }) => `provisional ${name}`),
    ...((await store.load()).backup === undefined ? [] : ['the note of the store']),
  ];
}
