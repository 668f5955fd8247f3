import type { QmpSession } from '../../../src/qmp/qmp-session.js';
import type { QmpSchema } from '../qmp-schema.js';

type Entry = QmpSchema extends ReadonlyMap<string, infer E> ? E : never;

/** The schema of a QEMU that runs, as it tells it itself. */
export async function runningSchema(session: QmpSession): Promise<QmpSchema> {
  const entries = (await session.execute('query-qmp-schema')) as readonly Entry[];
  return new Map(entries.map((entry) => [entry.name, entry]));
}
