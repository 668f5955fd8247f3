// The entry point qemu-checkpoint/qmp: all that touches a running QEMU, and the store that outlasts it.

export * from './qmp/index.js';
export * from './store/index.js';
