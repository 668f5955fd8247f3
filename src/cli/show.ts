import { throwProblems } from '../core/error.js';
import type { Domain } from '../core/model/domain.js';
import { problem } from '../core/problem.js';
import { findCheckpoint } from '../core/tree/find-checkpoint.js';
import type { Options } from './options.js';
import { type CheckpointStatus, statusOf } from './status.js';
import { formatTable } from './table.js';
import type { Terminal } from './terminal.js';
import { drawTree } from './tree-picture.js';

/** Shows the checkpoints by disks. */
export function showList(domain: Domain, { json, layers }: Options, terminal: Terminal): void {
  const statuses = statusOf(domain);
  if (json) terminal.print(JSON.stringify(statuses.map(forMachines)));
  else for (const line of formatTable(domain, statuses, { layers })) terminal.print(line);
}

/** Shows how the checkpoints hang together. */
export function showTree({ checkpoints }: Domain, json: boolean, terminal: Terminal): void {
  if (json) terminal.print(JSON.stringify(checkpoints));
  else for (const line of drawTree(checkpoints)) terminal.print(line);
}

/** Says which checkpoints can be used, one named or all. @returns Whether all of them can. */
export function showCheck(domain: Domain, name: string | undefined, json: boolean, terminal: Terminal): boolean {
  if (name !== undefined && findCheckpoint(domain.checkpoints, name) === undefined) {
    throwProblems([problem({ code: 'checkpoint-not-found', checkpoint: name })]);
  }
  const statuses = statusOf(domain).filter(({ checkpoint }) => name === undefined || checkpoint.name === name);
  const sound = statuses.filter(({ usable }) => usable);
  if (json) terminal.print(JSON.stringify(statuses.map(forMachines)));
  else terminal.print(`${sound.length} of ${statuses.length} checkpoints can be used on all their disks`);
  for (const { checkpoint, disks } of statuses) {
    for (const { problems } of disks) {
      for (const { text } of problems) terminal.complain(`checkpoint "${checkpoint.name}": ${text}`);
    }
  }
  return sound.length === statuses.length;
}

function forMachines({ checkpoint, current, usable, disks }: CheckpointStatus) {
  const { disks: _, ...about } = checkpoint;
  return { ...about, current, usable, disks };
}
