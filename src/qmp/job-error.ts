import { QmpError } from './error.js';

/** A job did not come to where it was waited for. */
export class QmpJobError extends QmpError {
  override readonly name = 'QmpJobError';
  declare readonly kind: 'job';
  readonly jobId: string;
  /** QEMU's own words; absent where it has none: the job was cancelled, or is gone. */
  declare readonly desc?: string;

  constructor(jobId: string, what: string, desc?: string) {
    super('job', desc === undefined ? `job ${jobId} ${what}` : `job ${jobId} ${what}: ${desc}`);
    this.jobId = jobId;
    if (desc !== undefined) this.desc = desc;
  }
}
