/** An image that a plan makes: its file, and the node it is opened as. */
export interface NewImage {
  /** A letter, then letters, digits, `-`, `.` and `_`; at most 31. */
  readonly nodeName: string;
  /** Where it is to lie, as an absolute path. A file that is there is overwritten, so name none that anything uses. */
  readonly filename: string;
  /** Node-name of its protocol layer; default: the node-name and `-file`. */
  readonly fileNodeName?: string;
  /** Bytes per cluster; default: QEMU's 65536. */
  readonly clusterSize?: number;
  /** What its header says of the image below; default: that one's file name, which then must be absolute. */
  readonly backingFilename?: string;
}

/** The node-name of the protocol layer of an image that is made. */
export function fileNodeNameOf({ nodeName, fileNodeName = `${nodeName}-file` }: NewImage): string {
  return fileNodeName;
}
