import { type BackupManifest, type BackupManifestDisk, parseBackupManifests } from '../model/backup-manifest.js';
import { repeated } from '../model/disk-integrity.js';
import { type Problem, problem } from '../problem.js';
import { type BackupLink, type BackupLinks, type BackupPlace, backupLinks } from './backup-link.js';

/** What backups can be restored. */
export interface BackupChains {
  /** One for each backup and disk, in the order of the manifests. */
  readonly chains: readonly BackupChain[];
  /** All that is wrong, each once; with what hinders no restore. */
  readonly problems: readonly Problem[];
}

/** What a disk is restored from, as it was at one point. */
export interface BackupChain {
  /** Name of the backup. */
  readonly point: string;
  readonly diskTarget: string;
  /** Its own file first, the full one last; where there are problems, as far as it can be followed. */
  readonly layers: readonly BackupLayer[];
  /** None where it can be restored. */
  readonly problems: readonly Problem[];
}

/** One file of a chain. */
export interface BackupLayer {
  /** Name of the backup that it belongs to. */
  readonly backup: string;
  readonly disk: BackupManifestDisk;
}

/**
 * Says of each backup and disk whether it can be restored, and from which files, by these rules:
 *
 * 1. no two backups have one name (`backup-duplicate`);
 * 2. a file holds one backup of one disk (`backup-file-shared`);
 * 3. an incremental backup builds on the one backup of its domain that its base began with, the same name and the same creation
 *    time, for a name may be used again; and that checkpoint has a bitmap on this disk (`backup-base-missing`,
 *    `backup-base-ambiguous`);
 * 4. so it goes on down to a full one, and never in a circle (`backup-base-loop`);
 * 5. a checkpoint begins with one backup of its domain (`backup-checkpoint-duplicate`; no hindrance where nothing builds on it);
 * 6. the backups are of one domain (`domains-mixed`; no hindrance, for none builds on another's).
 *
 * Times are not looked at, for the clock may have been set back in between.
 *
 * Only manifests are read: whether the files are there and hold what they should is another question.
 *
 * @param manifests - Of all backups that lie together, in any order.
 * @throws {@link CheckpointError} with the problems of {@link parseBackupManifest}.
 * @example
 * ```ts
 * const { chains, problems } = verifyBackupChain([monday, tuesday]);
 * problems; // []
 * chains[1]?.layers.map(({ disk }) => disk.file); // ['tuesday-vda.qcow2', 'monday-vda.qcow2']
 * ```
 */
export function verifyBackupChain(manifests: readonly BackupManifest[]): BackupChains {
  const read = parseBackupManifests(manifests);
  const links = backupLinks(read);
  // 1
  const twice = new Set(repeated(read.map(({ name }) => name)));
  const chains = [...links.keys()].map((place) => {
    const chain = chainFrom(place, links);
    const { point: backup } = chain;
    if (!twice.has(backup)) return chain;
    return { ...chain, problems: [problem({ code: 'backup-duplicate', backup }), ...chain.problems] };
  });
  const all = [...mixedDomains(read), ...duplicateCheckpoints(read), ...chains.flatMap(({ problems }) => problems)];
  return { chains, problems: [...new Map(all.map((each) => [each.text, each])).values()] };
}

/** The files from one backup of a disk down, by the rules 2 to 4. */
export function chainFrom(start: BackupPlace, links: BackupLinks): BackupChain {
  const path = new Set<BackupPlace>();
  const problems: Problem[] = [];
  for (let place: BackupPlace | undefined = start; place !== undefined; ) {
    path.add(place);
    const { base, problems: faults }: BackupLink = links.get(place) ?? { problems: [] };
    problems.push(...faults);
    // 4
    if (base !== undefined && path.has(base)) problems.push(circle(place, base));
    place = base === undefined || path.has(base) ? undefined : base;
  }
  const layers = [...path].map(({ manifest, disk }) => ({ backup: manifest.name, disk }));
  return { point: start.manifest.name, diskTarget: start.disk.diskTarget, layers, problems };
}

function circle({ manifest, disk: { diskTarget } }: BackupPlace, base: BackupPlace): Problem {
  const { name: backup } = manifest;
  return problem({ code: 'backup-base-loop', backup, diskTarget, baseBackup: base.manifest.name });
}

/** Rule 6. */
export function mixedDomains(manifests: readonly BackupManifest[]): readonly Problem[] {
  const domains = [...new Set(manifests.map(({ domain }) => domain))];
  return domains.length > 1 ? [problem({ code: 'domains-mixed', domains })] : [];
}

function duplicateCheckpoints(manifests: readonly BackupManifest[]): readonly Problem[] {
  // 5
  const begun = new Map<string, BackupManifest[]>();
  for (const manifest of manifests) {
    const { domain, checkpoint } = manifest;
    if (checkpoint === undefined) continue;
    const key = JSON.stringify([domain, checkpoint.name, checkpoint.creationTimeSeconds]);
    begun.set(key, [...(begun.get(key) ?? []), manifest]);
  }
  return [...begun.values()].flatMap((same) => {
    const { name: checkpoint = '', creationTimeSeconds = 0 } = same[0]?.checkpoint ?? {};
    const backups = same.map(({ name }) => name);
    if (backups.length === 1) return [];
    return [problem({ code: 'backup-checkpoint-duplicate', checkpoint, creationTimeSeconds, backups })];
  });
}
