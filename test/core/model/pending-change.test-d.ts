import { describe, expectTypeOf, it } from 'vitest';
import type * as z from 'zod';
import type {
  PendingChange,
  PendingDelete,
  parsePendingChange,
  pendingDeleteSchema,
} from '../../../src/core/model/pending-change.js';

describe('a schema of a pending change', () => {
  it('gives just what its hand-written interface says', () => {
    expectTypeOf<z.infer<typeof pendingDeleteSchema>>().toEqualTypeOf<PendingDelete>();
    expectTypeOf<typeof parsePendingChange>().toEqualTypeOf<(input: unknown) => PendingChange>();
  });
});
