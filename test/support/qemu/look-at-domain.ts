import type { CheckpointTree } from '../../../src/core/model/checkpoint-tree.js';
import type { Domain } from '../../../src/core/model/domain.js';
import { parseBlockNodes } from '../../../src/qmp/parse-block-nodes.js';
import type { QmpSession } from '../../../src/qmp/qmp-session.js';
import { resolveBackingChain } from '../../../src/qmp/resolve-backing-chain.js';

/**
 * The domain as QEMU shows it now, without the library's own way to observe.
 *
 * @param disks - Disk targets, each with the node-name of its active layer.
 */
export async function lookAtDomain(
  session: QmpSession,
  disks: readonly (readonly [diskTarget: string, nodeName: string])[],
  checkpoints: CheckpointTree = { checkpoints: [] },
): Promise<Domain> {
  const nodes = parseBlockNodes(await session.execute('query-named-block-nodes', { flat: true }));
  return {
    name: 'guest',
    disks: disks.map(([diskTarget, nodeName]) => {
      const backingChain = resolveBackingChain(nodes, nodeName);
      return { diskTarget, readOnly: backingChain[0]?.readOnly ?? false, backingChain };
    }),
    checkpoints,
  };
}
