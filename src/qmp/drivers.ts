const imageFormats: ReadonlySet<string> = new Set([
  'bochs',
  'cloop',
  'dmg',
  'luks',
  'parallels',
  'qcow',
  'qcow2',
  'qed',
  'raw',
  'vdi',
  'vhdx',
  'vmdk',
  'vpc',
]);

const jobFilters: ReadonlySet<string> = new Set(['commit_top', 'mirror_top']);

const filters: ReadonlySet<string> = new Set([
  ...jobFilters,
  'backup-top',
  'blkdebug',
  'blklogwrites',
  'blkreplay',
  'blkverify',
  'compress',
  'copy-before-write',
  'copy-on-read',
  'preallocate',
  'snapshot-access',
  'throttle',
]);

/** Whether a block driver reads an image format: such a node stands on a protocol node and may have a backing image. */
export function isImageFormat(driver: string): boolean {
  return imageFormats.has(driver);
}

/** Whether a block driver only looks at, or holds up, what passes on to the node below it. */
export function isFilter(driver: string): boolean {
  return filters.has(driver);
}

/** Whether a filter is there for a job only: QEMU puts it above the image that the job is about, and never below one. */
export function isJobFilter(driver: string): boolean {
  return jobFilters.has(driver);
}
