/**
 * The plain name of the file behind an image, of what QEMU gives as its file name.
 *
 * QEMU spells a node as `json:{…}` once its options no longer say the same as its file: after a live snapshot, or when a
 * backing image was given by node-name. The file below is still the same and is named inside. A text without one, and one
 * that QEMU cut off since it was too long, is given back as it is.
 *
 * @see QEMU `bdrv_refresh_filename`
 */
export function imageFileOf(filename: string): string {
  let options = optionsOf(filename);
  while (isObject(options)) {
    const { file, filename: plain } = options;
    if (isObject(file)) options = file;
    else return typeof plain === 'string' ? plain : filename;
  }
  return filename;
}

/** The block driver of what QEMU gives as a file name, where it is spelled as `json:{…}`. */
export function driverOf(filename: string): string | undefined {
  const options = optionsOf(filename);
  return isObject(options) && typeof options['driver'] === 'string' ? options['driver'] : undefined;
}

function optionsOf(filename: string): unknown {
  if (!filename.startsWith('json:')) return undefined;
  try {
    return JSON.parse(filename.slice('json:'.length));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is { readonly [member: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
