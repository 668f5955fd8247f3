import type { QmpConnection } from '../qmp/qmp-connection.js';
import type { CheckpointStore } from '../store/checkpoint-store.js';
import type { LiveOptions } from './sight.js';
import type { Terminal } from './terminal.js';

/** A running QEMU and where its checkpoints are kept, open for writing. */
export interface Machine {
  readonly session: QmpConnection;
  readonly store: CheckpointStore;
  readonly options: LiveOptions;
  readonly terminal: Terminal;
}
