import type { Backup, BackupDisk } from '../core/model/backup.js';
import { type NbdServer, nbdUri } from '../core/model/nbd-server.js';
import { queryJobs } from '../qmp/job-reply.js';
import type { QmpSession } from '../qmp/qmp-session.js';
import type { CopyOptions, CopyOutcome, WrittenFile } from './copy-outcome.js';
import type { BackupExport } from './export-source.js';

/** Reads an export into a file. */
export type ReadExport = (
  exported: BackupExport,
  options: Pick<CopyOptions, 'signal'> & {
    readonly onProgress: (progress: { readonly current: number; readonly total: number }) => void;
  },
) => Promise<WrittenFile>;

/**
 * Reads the exports of a pull one after the other, until one fails and the others are not to be kept. Exports and jobs stay.
 *
 * @throws {@link QmpError} where the session has ended.
 */
export async function readCopies(
  session: QmpSession,
  { disks, server }: Backup,
  read: ReadExport,
  { signal, onProgress, keepOthers }: CopyOptions,
): Promise<readonly CopyOutcome[]> {
  const outcomes: CopyOutcome[] = [];
  for (const disk of disks) {
    const { diskTarget } = disk;
    const tell = (progress: { readonly current: number; readonly total: number }) =>
      onProgress?.({ diskTarget, ...progress });
    const outcome = await readOne(exportOf(disk, server as NbdServer), (exported) =>
      read(exported, { signal, onProgress: tell }),
    );
    signal?.throwIfAborted();
    outcomes.push('error' in outcome ? outcome : await expectInstant(session, disk, outcome));
    if (outcomes.some((each) => 'error' in each) && !keepOthers) return outcomes;
  }
  return outcomes;
}

/** The address of a disk's export, and what is to be read of it. */
function exportOf(
  { diskTarget, exportName = diskTarget, virtualSize, bitmap }: BackupDisk,
  server: NbdServer,
): BackupExport {
  const uri = nbdUri(server, exportName);
  return { diskTarget, uri, server, exportName, virtualSize, ...(bitmap !== undefined && { bitmap }) };
}

async function readOne(
  exported: BackupExport,
  read: (exported: BackupExport) => Promise<WrittenFile>,
): Promise<CopyOutcome> {
  const { diskTarget } = exported;
  try {
    return { diskTarget, file: await read(exported) };
  } catch (error) {
    return { diskTarget, error };
  }
}

/** What was read shows the instant only if the job was there all the time. */
async function expectInstant(
  session: QmpSession,
  { diskTarget, jobId }: BackupDisk,
  outcome: CopyOutcome,
): Promise<CopyOutcome> {
  const job = (await queryJobs(session)).find(({ id }) => id === jobId);
  if (job?.status === 'running' || job?.status === 'paused') return outcome;
  const why = job?.error ?? 'someone has ended it';
  return { diskTarget, error: new Error(`its job ended while it was read: ${why}`) };
}
