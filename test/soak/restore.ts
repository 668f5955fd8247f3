import type { BlockNode, Domain } from '../../src/index.js';
import { checkpointStore } from '../../src/live.js';
import { nodesIn } from '../support/live/nodes-in.js';
import type { RunningQemu } from '../support/qemu/start-qemu.js';
import type { SoakWorld } from './world.js';

/** Gives a world the checkpoints it had, without the library's plans: bitmaps that are gone are made anew, and empty. */
export async function restoreWorld({ daemon, store: path }: SoakWorld, before: Domain): Promise<void> {
  const nodes = await nodesIn(daemon);
  for (const { backingChain } of before.disks) {
    for (const [layer, node] of backingChain.entries()) {
      const there = nodes.find((each) => each['node-name'] === node.nodeName)?.['dirty-bitmaps'] ?? [];
      const actions = difference(
        node,
        there.map(({ name }) => name),
      );
      if (actions.length === 0) continue;
      const backing = backingChain[layer + 1]?.nodeName;
      if (node.readOnly) await reopen(daemon, node, backing, false);
      await daemon.monitor.execute('transaction', { actions });
      if (node.readOnly) await reopen(daemon, node, backing, true);
    }
  }
  await using store = await checkpointStore(path);
  await store.save(before.checkpoints);
}

function difference({ nodeName: node, bitmaps }: BlockNode, there: readonly string[]) {
  const wanted = bitmaps.map(({ name }) => name);
  const extra = there.filter((name) => !wanted.includes(name));
  // QEMU lists the newest first.
  const missing = wanted.filter((name) => !there.includes(name)).reverse();
  return [
    ...extra.map((name) => ({ type: 'block-dirty-bitmap-remove', data: { node, name } })),
    ...missing.map((name) => ({ type: 'block-dirty-bitmap-add', data: { node, name, persistent: true } })),
  ];
}

async function reopen(
  { monitor }: RunningQemu,
  { nodeName }: BlockNode,
  backing: string | undefined,
  readOnly: boolean,
) {
  const options = {
    driver: 'qcow2',
    'node-name': nodeName,
    'read-only': readOnly,
    file: `${nodeName}-file`,
    ...(backing !== undefined && { backing }),
  };
  await monitor.execute('blockdev-reopen', { options: [options] });
}
