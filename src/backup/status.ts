// How old backups are, and what is wrong with them: by what is kept in the database, so it can be asked from anywhere.

import { formatDuration } from '../base/units.ts'
import { onlyRow, type Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { readLastChecks, readRecords } from './check-store.ts'
import { findDue, type NextTick } from './due.ts'
import type { BackupSettings } from './model/options.ts'
import type { BackupCheck, BackupRecord } from './model/record.ts'

export interface BackupStatus {
  /** As of when it was last looked at. */
  readonly backups: number
  readonly newest: BackupRecord | null
  readonly newestFull: BackupRecord | null
  /** How far back a restore can go. */
  readonly oldest: BackupRecord | null
  readonly ageMs: number | null
  readonly lastCheck: BackupCheck | null
  readonly verified: BackupCheck | null
  /** Since the moment that the newest verified restore was to. */
  readonly verifiedAgeMs: number | null
  /** Without a backup, or a verified one: since when that is so, as far as is known. */
  readonly without: { readonly backupMs: number; readonly verifiedMs: number }
  readonly archive: ArchiveState
  readonly findings: readonly BackupFinding[]
}

interface BackupFinding {
  readonly what: string
  readonly todo: string
  readonly gravity: 'warn' | 'fail'
  readonly kind: 'stale' | 'unverified' | 'archive'
}

interface ArchiveState {
  readonly mode: string
  readonly lastArchivedAt: Date | null
  /** Null: the last one came through. */
  readonly failingSince: Date | null
}

export interface StatusOptions {
  readonly db: Db
  readonly settings: BackupSettings
  readonly nextTickMs: NextTick
}

/** A run of the job that was missed, or failed once, is none of anybody's business. */
const lateMs = 24 * 3_600_000

export async function readBackupStatus({ db, settings, nextTickMs }: StatusOptions): Promise<BackupStatus> {
  const records = await readRecords(db)
  const { last, verified } = await readLastChecks(db)
  const { nowMs, sinceMs, ...archive } = await readArchive(db)
  const whole = records.filter(({ error }) => error === null)
  const newest = whole.at(-1) ?? null
  const firstMs = whole[0]?.endedAt.getTime() ?? sinceMs
  const ageMs = newest === null ? null : nowMs - newest.endedAt.getTime()
  const verifiedAgeMs = verified === null ? null : nowMs - verified.target.getTime()
  const known = {
    backups: whole.length,
    newest,
    newestFull: whole.findLast(({ kind }) => kind === 'full') ?? null,
    oldest: whole[0] ?? null,
    ageMs,
    lastCheck: last,
    verified,
    verifiedAgeMs,
    without: { backupMs: nowMs - sinceMs, verifiedMs: nowMs - Math.min(firstMs, sinceMs) },
    archive,
  }
  // By whole ones: a damaged one that is made again and again leaves the newest whole one as old as it is.
  const due = findDue({ schedule: settings.schedule, records: whole, nowMs, nextTickMs })
  const dueForMs = due === undefined ? 0 : nowMs - due.sinceMs
  return { ...known, findings: [...findingsOf(known, settings, dueForMs), ...damageOf(records.at(-1))] }
}

async function readArchive(db: Db): Promise<ArchiveState & { readonly nowMs: number; readonly sinceMs: number }> {
  const answer = await db.query<ArchiveState & { readonly now: Date; readonly since: Date | null }>(sql`
    select current_setting('archive_mode') as mode, a.last_archived_time as "lastArchivedAt",
      case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then a.last_failed_time end as "failingSince",
      clock_timestamp() as now, (select min(made_at) from pgstrata.backup_mark) as since
    from pg_stat_archiver as a`)
  const { now, since, ...archive } = onlyRow(answer)
  return { ...archive, nowMs: now.getTime(), sinceMs: (since ?? now).getTime() }
}

/** Pure. */
function findingsOf(
  { newest, ageMs, verified, verifiedAgeMs, lastCheck, without, archive }: Omit<BackupStatus, 'findings'>,
  { verify }: Pick<BackupSettings, 'verify'>,
  dueForMs: number,
): readonly BackupFinding[] {
  const findings: BackupFinding[] = []
  const find = (kind: BackupFinding['kind'], gravity: BackupFinding['gravity'], what: string, todo: string): void =>
    void findings.push({ kind, gravity, what, todo })
  if (archive.mode === 'off')
    find('archive', 'fail', 'the server archives no WAL (archive_mode is off)', 'run `pgstrata backup init`')
  else if (archive.failingSince !== null)
    find('archive', 'fail', 'archiving WAL fails', "see the server's log, and run `pgstrata backup init` again")
  if (newest === null) find('stale', 'fail', 'there is no backup yet', 'run `pgstrata backup run`')
  else if (dueForMs > lateMs)
    find(
      'stale',
      'fail',
      `the newest backup is ${formatDuration(ageMs ?? 0)} old, and one has been due for ${formatDuration(dueForMs)}`,
      'see `pgstrata jobs history backup`',
    )
  const { everyMs, alertAfterMs = Infinity } = verify
  if (everyMs === undefined && verified === null)
    find(
      'unverified',
      'warn',
      'nobody tries whether backups can be restored',
      'run `pgstrata backup verify`, or let its job do it (`backup.verify`)',
    )
  else if (newest !== null && (verifiedAgeMs ?? without.verifiedMs) > alertAfterMs)
    find(
      'unverified',
      'fail',
      verified === null
        ? 'no backup was ever verified'
        : `the newest verified restore is ${formatDuration(verifiedAgeMs ?? 0)} old`,
      'run `pgstrata backup verify`',
    )
  else if (lastCheck?.outcome === 'failed')
    find(
      'unverified',
      'warn',
      `the last verification failed: ${lastCheck.failure ?? ''}`,
      'run `pgstrata backup verify`',
    )
  else if (newest !== null && verified === null)
    find('unverified', 'warn', 'no backup is verified yet', 'run `pgstrata backup verify`')
  return findings
}

/** Pure. */
function damageOf(newest: BackupRecord | undefined): readonly BackupFinding[] {
  if (newest === undefined || newest.error === null) return []
  const { label, error } = newest
  return [
    {
      kind: 'stale',
      gravity: 'warn',
      what: `the newest backup, ${label}, is damaged (${error}); none is removed meanwhile`,
      todo: 'find out by `pg_amcheck` on the primary what is damaged there, mend it, then `pgstrata backup run --full`',
    },
  ]
}
