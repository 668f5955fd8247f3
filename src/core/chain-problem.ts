/** What keeps the layers of a disk from being changed: the codes and their fields. */
export type ChainProblemDetails =
  // Images and nodes that a plan makes, or puts into a chain
  | { readonly code: 'node-name-invalid' | 'node-name-taken'; readonly nodeName: string }
  | {
      readonly code: 'node-unsuitable';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly reason: 'read-only' | 'not-qcow2' | 'is-layer' | 'has-backing' | 'other-backing';
    }
  | {
      readonly code: 'size-differs';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly virtualSize: number;
      readonly expectedSize: number;
    }
  | { readonly code: 'filename-invalid'; readonly filename: string }
  | {
      readonly code: 'filename-taken';
      readonly filename: string;
      readonly nodeName?: string;
      readonly checkpoint?: string;
    }
  | { readonly code: 'backing-filename-unknown'; readonly diskTarget: string; readonly nodeName: string }
  | { readonly code: 'cluster-size-invalid'; readonly nodeName: string; readonly clusterSize: number }
  // Layers that a job is to move
  | { readonly code: 'layer-not-found'; readonly diskTarget: string; readonly nodeName: string }
  | {
      readonly code: 'layer-not-below';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly topNodeName: string;
    }
  | { readonly code: 'nothing-to-pull'; readonly diskTarget: string }
  | {
      readonly code: 'layer-shared';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly otherDiskTarget: string;
    }
  | {
      readonly code: 'layer-unnamed';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly bitmap: string;
    }
  | { readonly code: 'layer-left-over'; readonly diskTarget: string; readonly nodeName: string }
  | {
      readonly code: 'bitmap-ends';
      readonly diskTarget: string;
      readonly nodeName: string;
      readonly bitmap: string;
      readonly checkpoint?: string;
      readonly reason: 'cannot-store' | 'size' | 'unusable';
    }
  // A lost bitmap that cannot be refilled
  | {
      readonly code: 'rescue-impossible';
      readonly diskTarget: string;
      readonly checkpoint: string;
      readonly reason: 'no-bitmap' | 'origin-unknown' | 'origin-gone' | 'no-backing';
      readonly nodeName?: string;
    }
  // One that can be: whether what it gets is right, and what would do as well
  | {
      readonly code: 'rescue-holds-more';
      readonly diskTarget: string;
      readonly checkpoint: string;
      readonly nodeName: string;
    }
  | {
      readonly code: 'commit-heals';
      readonly diskTarget: string;
      readonly checkpoint: string;
      readonly nodeName: string;
      readonly topNodeName: string;
    };
