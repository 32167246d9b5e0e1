// Jobs: a backup when one is due, a mark each minute, and a restore now and then to see that it can be done.
//
// What holds: the first and the last run on the machine of the server, as its account or as root; elsewhere they fail and say so. A
// run that is killed leaves a backup that the provider goes on with, and a restore whose folder the next run removes.

import { formatDuration, formatSize, plural } from '../base/units.ts'
import type { Job, JobContext, JobOutcome } from '../db/job.ts'
import { keepRecords } from './check-store.ts'
import { findDue, type NextTick } from './due.ts'
import { forgetMarks, makeMark } from './mark.ts'
import type { BackupSettings, VerifySettings } from './model/options.ts'
import type { BackupProvider } from './model/provider.ts'
import { runBackup } from './run.ts'
import { verifyBackup } from './verify.ts'

export interface BackupJobsOptions {
  readonly settings: BackupSettings
  readonly provider: BackupProvider
  readonly nextTickMs: NextTick
}

const minuteMs = 60_000
const longestRunMs = 24 * 60 * minuteMs

export function backupJobs(options: BackupJobsOptions): readonly Job[] {
  const { provider, settings } = options
  const { verify } = settings
  return [
    {
      name: 'backup',
      purpose: 'makes backups that are due, and removes those that need not be kept',
      schedule: { everyMs: 5 * minuteMs },
      timeoutMs: longestRunMs,
      overlap: 'skip',
      run: (context) => backUpWhatIsDue(context, options),
    },
    {
      name: 'backup-mark',
      purpose: 'notes the time, by which a restored database is known',
      schedule: { everyMs: minuteMs },
      timeoutMs: minuteMs,
      overlap: 'skip',
      run: async ({ db }) => {
        await makeMark(db)
        await forgetMarks(db)
        return { did: '' }
      },
    },
    ...(verify.everyMs === undefined ? [] : [verifyJob(verify, verify.everyMs, provider)]),
  ]
}

async function backUpWhatIsDue(
  { db, clock, signal }: JobContext,
  { settings, provider, nextTickMs }: BackupJobsOptions,
): Promise<JobOutcome> {
  const records = await provider.list(signal)
  await keepRecords(db, records)
  const due = findDue({ schedule: settings.schedule, records, nowMs: clock.now(), nextTickMs })
  if (due === undefined) return { did: '' }
  const { made, expired } = await runBackup({
    db,
    provider,
    kind: due.kind,
    keep: settings.keep,
    verifyDir: settings.verify.dir,
    clock,
    signal,
  })
  const took = formatDuration(made.endedAt.getTime() - made.beganAt.getTime())
  const gone = expired.length === 0 ? '' : `, ${plural(expired.length, 'old one')} removed`
  return {
    did: `${made.kind} backup ${made.label} of ${formatSize(made.bytes)} made in ${took}${gone}`,
    details: { label: made.label, kind: made.kind, bytes: made.bytes, storedBytes: made.storedBytes, expired },
    ...(made.error === null ? {} : { warnings: [made.error] }),
  }
}

function verifyJob(verify: VerifySettings, everyMs: number, provider: BackupProvider): Job {
  return {
    name: 'backup-verify',
    purpose: 'restores the newest backup into a server of its own, and looks at it',
    schedule: { everyMs },
    timeoutMs: longestRunMs,
    overlap: 'skip',
    run: async ({ db, clock, signal }) => {
      const { backup, target, found } = await verifyBackup({ db, provider, settings: verify, clock, signal })
      return {
        did: `backup ${backup} restored to ${target.toISOString()} and verified`,
        details: { backup, target, found },
      }
    },
  }
}
