import type { BlockNode } from './block-node.js';

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

/** What an image that is made stands on. */
export interface ImageBelow {
  /** Bytes, as the guest sees it. */
  readonly virtualSize: number;
  /** The image that its header names; absent: none. */
  readonly backing?: BlockNode;
  /** It is opened on that image; else on none, and a snapshot puts it there. */
  readonly opened: boolean;
  /** Its header does not name that image: it stands there only as long as it is open. */
  readonly fleeting?: true;
}

/** The node that an image which is made is opened as. */
export function nodeOfNewImage(image: NewImage, { virtualSize, backing, opened }: ImageBelow): BlockNode {
  const { nodeName, filename, clusterSize } = image;
  return {
    nodeName,
    format: 'qcow2',
    virtualSize,
    readOnly: false,
    filename,
    ...(opened && backing?.filename !== undefined && { backingFilename: backing.filename }),
    fileNodeName: fileNodeNameOf(image),
    ...(clusterSize !== undefined && { clusterSize }),
    qcow2Version: 3,
    bitmaps: [],
  };
}
