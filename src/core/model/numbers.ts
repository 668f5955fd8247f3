import * as z from 'zod';

/** A count of bytes, or of seconds: a safe integer, not negative. JSON's larger numbers have lost their last digits. */
export const byteCountSchema = z.int().nonnegative();
