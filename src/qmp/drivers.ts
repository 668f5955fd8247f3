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

const filters: ReadonlySet<string> = new Set([
  'backup-top',
  'blkdebug',
  'blklogwrites',
  'blkreplay',
  'blkverify',
  'commit_top',
  'compress',
  'copy-before-write',
  'copy-on-read',
  'mirror_top',
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
