import { QmpCommandError } from '../../src/qmp/error.js';
import type { QmpConnection } from '../../src/qmp/qmp-connection.js';
import type { QmpEvent } from '../../src/qmp/qmp-event.js';
import type { QmpArguments } from '../../src/qmp/qmp-session.js';

/** Answers as a qemu-storage-daemon does, as far as the contract asks for it. */
export function answerAsDaemon(
  command: string,
  args: QmpArguments,
  version: QmpConnection['greeting']['version'],
  emit: (event: QmpEvent) => void,
): unknown {
  switch (command) {
    case 'query-version':
      return version;
    case 'block-dirty-bitmap-remove':
      throw new QmpCommandError(command, { desc: `Node '${args['node']}' not found` });
    case 'block-export-del':
      emit({ event: 'BLOCK_EXPORT_DELETED', data: { id: args['id'] }, timestamp: { seconds: 0, microseconds: 0 } });
      return {};
    case 'blockdev-add':
    case 'block-export-add':
    case 'blockdev-del':
      return {};
    default:
      throw new QmpCommandError(command, {
        class: 'CommandNotFound',
        desc: `The command ${command} has not been found`,
      });
  }
}
