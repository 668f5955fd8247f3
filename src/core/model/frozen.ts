import type * as z from 'zod';

/**
 * A schema whose values are frozen.
 *
 * zod's own `readonly()` freezes the caller's value where it is not of the right kind: there its result is what it was given.
 */
export function frozen<S extends z.ZodType>(schema: S) {
  return schema.transform((value) => Object.freeze(value));
}
