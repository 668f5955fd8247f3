import * as z from 'zod';
import { type Checkpoint, checkpointNameSchema } from './checkpoint.js';
import { frozen } from './frozen.js';
import { byteCountSchema } from './numbers.js';

/** A checkpoint beyond doubt: its name alone may be used again once it is deleted. */
export interface CheckpointIdentity {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly creationTimeSeconds: number;
}

export const checkpointIdentitySchema = frozen(
  z.object({ name: checkpointNameSchema, creationTimeSeconds: byteCountSchema }),
) satisfies z.ZodType<CheckpointIdentity>;

export function identityOf({ name, creationTimeSeconds }: Checkpoint): CheckpointIdentity {
  return { name, creationTimeSeconds };
}

export function isSameCheckpoint(one: CheckpointIdentity, other: CheckpointIdentity): boolean {
  return one.name === other.name && one.creationTimeSeconds === other.creationTimeSeconds;
}
