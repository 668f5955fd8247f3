import * as z from 'zod';
import { frozen } from './frozen.js';

/** Whatever JSON can hold, read into a copy that is frozen all the way down. */
export const jsonSchema: z.ZodType<unknown> = z.lazy(() =>
  z.union([
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    frozen(z.array(jsonSchema)),
    frozen(z.record(z.string(), jsonSchema)),
  ]),
);
