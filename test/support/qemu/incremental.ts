import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Domain } from '../../../src/core/model/domain.js';
import { findDisk } from '../../../src/core/model/domain.js';
import { planBitmapMerge } from '../../../src/core/plan/bitmap-merge.js';
import { formatTransaction } from '../../../src/qmp/format-command.js';
import type { RunningQemu } from './start-qemu.js';

/** What an incremental backup since a checkpoint gave. */
export interface Incremental {
  /** The disk as it was at the checkpoint, with the backup laid over it. */
  readonly restored: Buffer;
  /** How much the bitmap said had changed. */
  readonly bitmapBytes: number;
}

/**
 * Backs up what changed since a checkpoint, with QEMU's own job, onto a copy of the disk of that time.
 *
 * @param domain - As it is now, for the chain.
 * @param base - All that was on the disk at the checkpoint.
 */
export async function incrementalSince(
  { monitor }: RunningQemu,
  folder: string,
  domain: Domain,
  { diskTarget, bitmap, base }: { readonly diskTarget: string; readonly bitmap: string; readonly base: Buffer },
): Promise<Incremental> {
  const chain = findDisk(domain, diskTarget)?.backingChain ?? [];
  const [active] = chain;
  if (active === undefined) throw new Error(`disk ${diskTarget} has no medium`);
  const into = 'incremental';
  const { execute, arguments: args } = formatTransaction(
    planBitmapMerge(chain, { bitmap, into: { node: active, bitmap: into } }),
  );
  await monitor.execute(execute, args);
  const target = join(folder, `${diskTarget}-${bitmap}.raw`);
  await writeFile(target, base);
  await monitor.execute('blockdev-add', { driver: 'file', 'node-name': 'incremental', filename: target });
  try {
    const nodes = (await monitor.execute('query-named-block-nodes', { flat: true })) as readonly NodeReply[];
    const bitmaps = nodes.find((node) => node['node-name'] === active.nodeName)?.['dirty-bitmaps'] ?? [];
    const bitmapBytes = bitmaps.find(({ name }) => name === into)?.count ?? Number.NaN;
    const done = monitor.nextEvent('BLOCK_JOB_COMPLETED', (data) => data['device'] === 'incremental');
    const backup = { 'job-id': 'incremental', device: active.nodeName, target: 'incremental' };
    await monitor.execute('blockdev-backup', { ...backup, sync: 'incremental', bitmap: into });
    await done;
    return { restored: await readFile(target), bitmapBytes };
  } finally {
    await monitor.execute('block-dirty-bitmap-remove', { node: active.nodeName, name: into });
    await monitor.execute('blockdev-del', { 'node-name': 'incremental' });
  }
}

interface NodeReply {
  readonly 'node-name': string;
  readonly 'dirty-bitmaps'?: readonly { readonly name?: string; readonly count: number }[];
}
