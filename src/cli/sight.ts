import type { Domain } from '../core/model/domain.js';
import type { PendingChainChange } from '../core/model/pending-chain-change.js';
import { namesIn, type PendingChange } from '../core/model/pending-change.js';
import { type Problem, problem } from '../core/problem.js';
import { observeDomain } from '../qmp/observe-domain.js';
import type { QmpConnection } from '../qmp/qmp-connection.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import type { Options } from './options.js';

/** Options that name a running QEMU. */
export type LiveOptions = Options & { readonly live: NonNullable<Options['live']> };

/** What is to be known of a machine before anything is decided. */
export interface Sight {
  readonly domain: Domain;
  /** What a crash has left half done. */
  readonly pending: readonly PendingChange[];
  /** The same, of the layers of disks. */
  readonly chainChanges: readonly PendingChainChange[];
}

export async function look(
  session: QmpConnection,
  store: Pick<CheckpointStore, 'load'>,
  { disks, machine = 'domain' }: LiveOptions,
): Promise<Sight> {
  const { checkpoints, ...unsettled } = await store.load();
  const domain = await observeDomain(session, { name: machine, ...(disks.length > 0 && { disks }), checkpoints });
  return { domain, ...unsettled };
}

/** A problem for each checkpoint, and for each disk, that a crash has left half done. */
export function interrupted({ pending, chainChanges }: Sight): readonly Problem[] {
  const ofCheckpoints = pending.flatMap((change) =>
    namesIn(change).map((checkpoint) => problem({ code: 'change-interrupted', checkpoint, change: change.kind })),
  );
  const ofChains = chainChanges.map(({ diskTarget, job }) =>
    problem({ code: 'chain-change-interrupted', diskTarget, change: job?.kind ?? 'snapshot' }),
  );
  return [...ofChains, ...ofCheckpoints];
}
