import type * as z from 'zod';

/**
 * A schema whose values are typed readonly.
 *
 * zod's own `readonly()` also freezes what it gives, and engines copy a frozen object several times slower: planning, which
 * is all copying with a change, would take three times as long for a large domain.
 */
export function readonlyType<S extends z.ZodType>(schema: S): z.ZodReadonly<S> {
  return schema as unknown as z.ZodReadonly<S>;
}
