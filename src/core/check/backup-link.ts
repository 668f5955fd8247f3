import type { BackupManifest, BackupManifestDisk } from '../model/backup-manifest.js';
import { type CheckpointIdentity, isSameCheckpoint } from '../model/checkpoint-identity.js';
import { type Problem, problem } from '../problem.js';

/** One disk of one backup. */
export interface BackupPlace {
  readonly manifest: BackupManifest;
  readonly disk: BackupManifestDisk;
}

/** What a backup of a disk builds on. */
export interface BackupLink {
  /** Absent for a full backup, and where it is not to be found. */
  readonly base?: BackupPlace;
  /** What is wrong with this one alone. */
  readonly problems: readonly Problem[];
}

export type BackupLinks = ReadonlyMap<BackupPlace, BackupLink>;

/** Each disk of each backup with what it builds on, by the rules 2 and 3 of {@link verifyBackupChain}. */
export function backupLinks(manifests: readonly BackupManifest[]): BackupLinks {
  const places = manifests.flatMap((manifest) => manifest.disks.map((disk): BackupPlace => ({ manifest, disk })));
  const byFile = groupBy(places, ({ disk }) => disk.file);
  const byBeginning = groupBy(places, ({ manifest, disk }) =>
    manifest.checkpoint === undefined ? '' : keyOf(manifest, disk, manifest.checkpoint.name),
  );
  return new Map(
    places.map((place) => {
      const { manifest, disk } = place;
      const shared = sharedFile(place, byFile.get(disk.file) ?? []);
      if (disk.base === undefined) return [place, { problems: shared }];
      const { base, problems } = findBase(
        place,
        disk.base,
        byBeginning.get(keyOf(manifest, disk, disk.base.name)) ?? [],
      );
      return [place, { ...(base !== undefined && { base }), problems: [...shared, ...problems] }];
    }),
  );
}

/** Whether later backups of the disk may build on it, as of that checkpoint. */
export function beginsWith({ manifest: { checkpoint }, disk }: BackupPlace, identity: CheckpointIdentity): boolean {
  return disk.inCheckpoint && checkpoint !== undefined && isSameCheckpoint(checkpoint, identity);
}

function keyOf({ domain }: BackupManifest, { diskTarget }: BackupManifestDisk, checkpoint: string): string {
  return JSON.stringify([domain, diskTarget, checkpoint]);
}

function sharedFile({ manifest, disk }: BackupPlace, places: readonly BackupPlace[]): readonly Problem[] {
  // 2
  const other = places.find((each) => each.disk !== disk);
  if (other === undefined) return [];
  const { name: backup } = manifest;
  const { diskTarget, file: filename } = disk;
  const otherwise = { otherBackup: other.manifest.name, otherDiskTarget: other.disk.diskTarget };
  return [problem({ code: 'backup-file-shared', backup, diskTarget, filename, ...otherwise })];
}

/** @param namesakes - The backups of the disk that a checkpoint of that name began with. */
function findBase(
  { manifest, disk }: BackupPlace,
  base: CheckpointIdentity,
  namesakes: readonly BackupPlace[],
): BackupLink {
  const { name: checkpoint, creationTimeSeconds } = base;
  const where = { backup: manifest.name, diskTarget: disk.diskTarget };
  const found = namesakes.filter((place) => beginsWith(place, base));
  const [only] = found;
  // 3
  if (only === undefined) {
    const reason = reasonOf(base, namesakes);
    return { problems: [problem({ code: 'backup-base-missing', ...where, checkpoint, creationTimeSeconds, reason })] };
  }
  if (found.length > 1) {
    const backups = found.map((place) => place.manifest.name);
    return {
      problems: [problem({ code: 'backup-base-ambiguous', ...where, checkpoint, creationTimeSeconds, backups })],
    };
  }
  return { base: only, problems: [] };
}

function reasonOf(base: CheckpointIdentity, namesakes: readonly BackupPlace[]) {
  if (namesakes.length === 0) return 'no-backup';
  const began = namesakes.filter(({ manifest: { checkpoint } }) => checkpoint && isSameCheckpoint(checkpoint, base));
  return began.length === 0 ? 'other-checkpoint' : 'not-on-disk';
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
