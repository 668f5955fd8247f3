import type { Job } from '../core/job.js';
import type { QmpCommand } from './qmp-command.js';

/**
 * Spells the start of a job.
 *
 * @see QEMU `block-commit`, `blockdev-mirror`, `block-stream`, `blockdev-backup`, `blockdev-create`
 */
export function formatJob(job: Job): QmpCommand {
  const id = { 'job-id': job.jobId };
  // An ended job stays until it is dismissed: else its error could be missed.
  const stays = { 'auto-dismiss': false };
  switch (job.kind) {
    case 'commit': {
      const { activeNodeName, filterNodeName: device = activeNodeName, topNodeName, baseNodeName } = job;
      const layers = { device, 'top-node': topNodeName, 'base-node': baseNodeName };
      // Below the active layer the job waits before its end, while the base can still be written to.
      const waits = topNodeName === activeNodeName ? {} : { 'auto-finalize': false };
      return { execute: 'block-commit', arguments: { ...id, ...layers, ...waits, ...stays } };
    }
    case 'copy': {
      const { activeNodeName, filterNodeName: device = activeNodeName, targetNodeName: target, shallow } = job;
      const sync = shallow ? 'top' : 'full';
      // The copy comes below the filter, in the place of the active layer.
      const below = device === activeNodeName ? {} : { replaces: activeNodeName };
      return { execute: 'blockdev-mirror', arguments: { ...id, device, target, sync, ...below, ...stays } };
    }
    case 'pull': {
      const { activeNodeName: device, baseNodeName } = job;
      const base = baseNodeName === undefined ? {} : { 'base-node': baseNodeName };
      return { execute: 'block-stream', arguments: { ...id, device, ...base, ...stays } };
    }
    case 'backup': {
      const { nodeName: device, targetNodeName: target, sync, bitmap, filterNodeName, options } = job;
      const since = bitmap === undefined ? {} : { bitmap };
      const filter = filterNodeName === undefined ? {} : { 'filter-node-name': filterNodeName };
      const args = { ...id, device, target, sync, ...since, ...filter, ...options, ...stays };
      return { execute: 'blockdev-backup', arguments: args };
    }
    case 'fill': {
      const { nodeName: device, targetNodeName: target, bitmap } = job;
      const mode = { sync: 'top', bitmap, 'bitmap-mode': 'always' };
      // One byte a second: after its first copy it waits to be cancelled.
      return { execute: 'blockdev-backup', arguments: { ...id, device, target, ...mode, speed: 1, ...stays } };
    }
    case 'create':
      return { execute: 'blockdev-create', arguments: { ...id, options: job.options } };
  }
}
