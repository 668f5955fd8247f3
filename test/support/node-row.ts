/** What of a row a test says; the rest is an image of 16 MiB that is open for writing. */
export interface RowChange {
  readonly drv?: string;
  readonly file?: string;
  readonly image?: object;
  readonly [member: string]: unknown;
}

/** A row of `query-named-block-nodes` as the oldest QEMU gives it, with all that must be there and nothing more. */
export function nodeRow(nodeName: string, { image = {}, ...change }: RowChange = {}) {
  const file = change.file ?? `/images/${nodeName}.qcow2`;
  const drv = change.drv ?? 'qcow2';
  return {
    iops_rd: 0,
    detect_zeroes: 'off',
    'node-name': nodeName,
    encrypted: false,
    ro: false,
    write_threshold: 0,
    ...change,
    drv,
    file,
    image: { 'virtual-size': 2 ** 24, filename: file, format: drv, ...image },
  };
}

/** The row of a protocol node, called after the image it holds. */
export function fileRow(nodeName: string, change: RowChange = {}) {
  return nodeRow(`${nodeName}-file`, { drv: 'file', file: `/images/${nodeName}.qcow2`, ...change });
}

/** A row of `dirty-bitmaps`, as it is in a checkpoint's. */
export function bitmapRow(name: string, change: object = {}) {
  return { name, count: 0, granularity: 65536, recording: true, persistent: true, busy: false, ...change };
}
