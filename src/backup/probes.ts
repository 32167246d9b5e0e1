// What `doctor` asks of backups: whether those that are declared are there and proven, and where none are, whether anything at all
// backs the database up.

import { messageOf } from '../base/errors.ts'
import type { Probe, ProbeResult } from '../base/probe.ts'
import { formatDuration } from '../base/units.ts'
import { readInstalledVersion } from '../catalog/install.ts'
import { onlyRow, type Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import type { BackupStatus } from './status.ts'

export interface BackupProbeOptions {
  readonly db: Db
  /** Undefined: no backup is declared. */
  readonly status: (() => Promise<BackupStatus>) | undefined
}

/** Its tables. */
const sinceVersion = 10

export function backupProbes({ db, status }: BackupProbeOptions): readonly Probe[] {
  return [
    {
      name: 'backup',
      run: async () => {
        try {
          return status === undefined ? await askOthers(db) : await askDeclared(db, status)
        } catch (error) {
          return { verdict: 'fail', found: messageOf(error), fix: 'Mend that, and ask again.' }
        }
      },
    },
  ]
}

async function askDeclared(db: Db, status: () => Promise<BackupStatus>): Promise<ProbeResult> {
  const installed = await db.withSession(readInstalledVersion)
  if (installed < sinceVersion)
    return { verdict: 'warn', found: 'declared, and nothing is installed for them yet', fix: 'pgstrata apply' }
  const { newest, ageMs, verifiedAgeMs, findings } = await status()
  const worst = findings.find(({ gravity }) => gravity === 'fail') ?? findings[0]
  if (worst !== undefined)
    return {
      verdict: worst.gravity,
      found: findings.map(({ what }) => what).join('; '),
      fix: [...new Set(findings.map(({ todo }) => todo))].join('; '),
    }
  const verified = verifiedAgeMs === null ? '' : `, a restore was verified ${formatDuration(verifiedAgeMs)} ago`
  return { verdict: 'ok', found: `${newest?.label ?? ''} is ${formatDuration(ageMs ?? 0)} old${verified}` }
}

interface Others {
  readonly mode: string
  readonly receivers: number
  readonly isFailing: boolean
}

/** Backups of the machine, or of a service, cannot be seen from here; archived WAL and its receivers can. */
async function askOthers(db: Db): Promise<ProbeResult> {
  const answer = await db.query<Others>(sql`
    select current_setting('archive_mode') as mode,
      (
        select count(*)::int4
        from pg_stat_replication
        where application_name ~ 'receive_?wal|barman|wal-?g'
      ) as receivers,
      a.last_failed_time is not null
        and a.last_failed_time > coalesce(a.last_archived_time, '-infinity') as "isFailing"
    from pg_stat_archiver as a`)
  const { mode, receivers, isFailing } = onlyRow(answer)
  if (mode !== 'off' && isFailing)
    return {
      verdict: 'fail',
      found: 'archiving WAL fails: nothing can be restored beyond what came through',
      fix: "See the server's log for what archive_command or archive_library says.",
    }
  if (mode !== 'off' || receivers > 0)
    return {
      verdict: 'ok',
      found: `others ${mode === 'off' ? 'receive' : 'archive'} its WAL; whether it can be restored is not known here`,
    }
  return {
    verdict: 'warn',
    found: 'nothing backs this database up, as far as can be seen: no WAL is archived, and nobody receives it',
    fix: 'Declare `backup` (docs/backup.md), or see that whoever runs the machine can restore it to a moment.',
  }
}
