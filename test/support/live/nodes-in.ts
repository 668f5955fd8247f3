import type { RunningQemu } from '../qemu/start-qemu.js';

/** What QEMU says of a node, as far as tests ask. */
export interface NodeInfo {
  readonly 'node-name': string;
  /** Its driver. */
  readonly drv: string;
  readonly ro: boolean;
  readonly 'dirty-bitmaps'?: readonly {
    readonly name: string;
    readonly count: number;
    readonly recording: boolean;
    readonly inconsistent?: boolean;
  }[];
}

/** All nodes, read without the library. */
export async function nodesIn({ monitor }: RunningQemu): Promise<readonly NodeInfo[]> {
  return (await monitor.execute('query-named-block-nodes', { flat: true })) as readonly NodeInfo[];
}

/** `vda monday` for every bitmap there is, in order; a filter has none of its own. */
export async function bitmapsIn(running: RunningQemu): Promise<readonly string[]> {
  const nodes = await nodesIn(running);
  return nodes
    .flatMap((node) => (node['dirty-bitmaps'] ?? []).map(({ name }) => `${node['node-name']} ${name}`))
    .sort();
}

export async function isReadOnly(running: RunningQemu, nodeName: string): Promise<boolean | undefined> {
  return (await nodesIn(running)).find((node) => node['node-name'] === nodeName)?.ro;
}
