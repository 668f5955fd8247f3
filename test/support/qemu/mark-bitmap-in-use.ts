import { open } from 'node:fs/promises';

const bitmapsExtension = 0x23852875;
const inUse = 1;

/**
 * Marks one stored bitmap of a qcow2 image as a QEMU leaves it that does not close the image: in use, so inconsistent when the
 * image is opened next. A QEMU that is killed does this to all bitmaps of the image; here it is to be one alone.
 *
 * @see QEMU `docs/interop/qcow2.txt`, "Bitmap directory"
 */
export async function markBitmapInUse(filename: string, bitmap: string): Promise<void> {
  await using file = await open(filename, 'r+');
  const { size, offset } = directoryIn((await file.read(Buffer.alloc(65536), 0, 65536, 0)).buffer);
  const { buffer: directory } = await file.read(Buffer.alloc(size), 0, size, offset);
  for (let at = 0; at < size; ) {
    const nameLength = directory.readUInt16BE(at + 18);
    const extraLength = directory.readUInt32BE(at + 20);
    const end = at + 24 + extraLength + nameLength;
    if (directory.toString('utf8', end - nameLength, end) === bitmap) {
      const flags = Buffer.alloc(4);
      flags.writeUInt32BE(directory.readUInt32BE(at + 12) | inUse);
      await file.write(flags, 0, 4, offset + at + 12);
      return;
    }
    at = Math.ceil(end / 8) * 8;
  }
  throw new Error(`${filename} has no bitmap ${bitmap}`);
}

function directoryIn(header: Buffer): { readonly size: number; readonly offset: number } {
  for (let at = header.readUInt32BE(100); header.readUInt32BE(at) !== 0; ) {
    if (header.readUInt32BE(at) === bitmapsExtension) {
      return { size: Number(header.readBigUInt64BE(at + 16)), offset: Number(header.readBigUInt64BE(at + 24)) };
    }
    at += 8 + Math.ceil(header.readUInt32BE(at + 4) / 8) * 8;
  }
  throw new Error('the image has no bitmaps');
}
