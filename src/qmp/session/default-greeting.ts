import type { QmpGreeting } from '../qmp-connection.js';

/** The greeting of a session that has none of its own. */
export const defaultGreeting: QmpGreeting = {
  version: { qemu: { major: 0, minor: 0, micro: 0 }, package: '' },
  capabilities: [],
};
