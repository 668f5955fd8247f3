// The entry point qemu-checkpoint/qmp: all that touches a running QEMU, the store that outlasts it, and the backups made from it.

export * from './backup/index.js';
export * from './qmp/index.js';
export * from './store/index.js';
