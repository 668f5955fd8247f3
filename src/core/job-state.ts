/** A job as QEMU shows it in `query-jobs`. */
export interface JobState {
  readonly id: string;
  /** `running`, `ready`, `pending`, `concluded`, … */
  readonly status: string;
  /** Why it failed. */
  readonly error?: string;
}
