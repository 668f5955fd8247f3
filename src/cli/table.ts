import type { Domain } from '../core/model/domain.js';
import type { CheckpointStatus, DiskStatus } from './status.js';

/**
 * Draws the checkpoints by disks, the newest first: how many bytes may have changed since, or why that is not known; with
 * `layers` also which layers have the bitmap. One whose backup is not complete is marked.
 *
 * @example
 * ```
 *   checkpoint  created               vda        vdb
 * > tuesday     2023-11-14 22:13:21Z  64 KiB     -
 *   monday      2023-11-14 22:13:20Z  128 KiB    inconsistent
 * ```
 */
export function formatTable(
  domain: Domain,
  statuses: readonly CheckpointStatus[],
  { layers = false }: { readonly layers?: boolean } = {},
): readonly string[] {
  if (statuses.length === 0) return ['no checkpoints'];
  const targets = columnsOf(domain, statuses);
  const rows = statuses.toReversed().map(({ checkpoint, current, disks }) => [
    `${current ? '>' : ' '} ${checkpoint.name}${checkpoint.provisional ? ' (provisional)' : ''}`,
    formatTime(checkpoint.creationTimeSeconds),
    ...targets.map((target) =>
      formatCell(
        disks.find(({ diskTarget }) => diskTarget === target),
        layers,
      ),
    ),
  ]);
  return alignColumns([['  checkpoint', 'created', ...targets], ...rows]);
}

/** Disks of the domain first, then those that only checkpoints know. */
function columnsOf(domain: Domain, statuses: readonly CheckpointStatus[]): readonly string[] {
  const known = domain.disks.map(({ diskTarget }) => diskTarget);
  const gone = statuses.flatMap(({ disks }) => disks.map(({ diskTarget }) => diskTarget));
  return [...new Set([...known, ...gone])];
}

function formatCell(status: DiskStatus | undefined, layers: boolean): string {
  if (status === undefined) return '-';
  const [problem] = status.problems;
  const state = problem === undefined ? formatBytes(status.dirtyBytes) : problem.code.replace(/^(bitmap|disk)-/, '');
  return layers && status.layers.length > 0 ? `${state} (${status.layers.join(', ')})` : state;
}

/** @example `196608` is `192 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let count = bytes;
  // What would be shown as 1024.0 belongs to the next unit.
  while (Number(count.toFixed(1)) >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(count) ? count : count.toFixed(1)} ${units[unit]}`;
}

/** A second in UTC; a number that no calendar has is shown as it is. */
export function formatTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** Lays cells out in columns as wide as their widest. */
export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
