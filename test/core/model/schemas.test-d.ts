import { describe, expectTypeOf, it } from 'vitest';
import type * as z from 'zod';
import type { bitmapSchema } from '../../../src/core/model/bitmap.js';
import type { blockNodeSchema } from '../../../src/core/model/block-node.js';
import type { checkpointSchema } from '../../../src/core/model/checkpoint.js';
import type { checkpointTreeSchema } from '../../../src/core/model/checkpoint-tree.js';
import type { diskSchema } from '../../../src/core/model/disk.js';
import type { internalSnapshotSchema } from '../../../src/core/model/internal-snapshot.js';
import type {
  Bitmap,
  BlockNode,
  Checkpoint,
  CheckpointDefinition,
  CheckpointTree,
  Disk,
  Domain,
  InternalSnapshot,
  parseCheckpoint,
  parseCheckpointDefinition,
  parseCheckpointTree,
  parseDomain,
} from '../../../src/index.js';

// `satisfies` in the model's file sees a member that is missing or of another kind; this sees one too many, and one not readonly.
describe('a schema gives just what its hand-written interface says', () => {
  it('of each model', () => {
    expectTypeOf<z.infer<typeof bitmapSchema>>().toEqualTypeOf<Bitmap>();
    expectTypeOf<z.infer<typeof internalSnapshotSchema>>().toEqualTypeOf<InternalSnapshot>();
    expectTypeOf<z.infer<typeof blockNodeSchema>>().toEqualTypeOf<BlockNode>();
    expectTypeOf<z.infer<typeof diskSchema>>().toEqualTypeOf<Disk>();
    expectTypeOf<z.infer<typeof checkpointSchema>>().toEqualTypeOf<Checkpoint>();
    expectTypeOf<z.infer<typeof checkpointTreeSchema>>().toEqualTypeOf<CheckpointTree>();
  });

  it('of whatever there is, in and out of the door', () => {
    expectTypeOf<typeof parseDomain>().toEqualTypeOf<(input: unknown) => Domain>();
    expectTypeOf<typeof parseCheckpointTree>().toEqualTypeOf<(input: unknown) => CheckpointTree>();
    expectTypeOf<typeof parseCheckpoint>().toEqualTypeOf<(input: unknown) => Checkpoint>();
    expectTypeOf<typeof parseCheckpointDefinition>().toEqualTypeOf<(input: unknown) => CheckpointDefinition>();
  });
});

describe('an absent member is absent', () => {
  it('so that no optional one may be there and undefined', () => {
    expectTypeOf<{ name: 'a'; description: undefined }>().not.toExtend<Pick<Checkpoint, 'name' | 'description'>>();
    expectTypeOf<{ name: 'a'; description: undefined }>().not.toExtend<
      Pick<z.infer<typeof checkpointSchema>, 'name' | 'description'>
    >();
    expectTypeOf<{ diskTarget: 'a'; sourcePath: undefined }>().not.toExtend<
      Pick<z.infer<typeof diskSchema>, 'diskTarget' | 'sourcePath'>
    >();
    expectTypeOf<{ filename: undefined }>().not.toExtend<Pick<z.infer<typeof blockNodeSchema>, 'filename'>>();
    expectTypeOf<{ current: undefined }>().not.toExtend<Pick<z.infer<typeof checkpointTreeSchema>, 'current'>>();
  });
});
