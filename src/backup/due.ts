// Which kind of backup is due, and since when. Pure.
//
// A backup counts for its own kind and for those that need more of the others: after a full one no differential is due before its next
// time. Without a full one, that is due at once.
// A damaged one counts as an attempt: what made it damaged is most likely still there, so it is made again at its next time or a day
// later, whichever comes first.

import type { JobSchedule } from '../db/job.ts'
import { backupKinds, type BackupKind, type BackupSettings } from './model/options.ts'
import type { BackupRecord } from './model/record.ts'

/** Undefined: it never comes again. */
export type NextTick = (schedule: JobSchedule, afterMs: number) => number | undefined

export interface DueBackup {
  readonly kind: BackupKind
  readonly sinceMs: number
}

export interface DueOptions {
  readonly schedule: BackupSettings['schedule']
  readonly records: readonly BackupRecord[]
  readonly nowMs: number
  readonly nextTickMs: NextTick
}

const patienceMs = 24 * 3_600_000

/** The one that stands most alone. */
export function findDue({ schedule, records, nowMs, nextTickMs }: DueOptions): DueBackup | undefined {
  if (!records.some(({ kind }) => kind === 'full')) return { kind: 'full', sinceMs: nowMs }
  for (const [index, kind] of backupKinds.entries()) {
    const counted = new Set(backupKinds.slice(0, index + 1))
    const attempts = records.filter((one) => counted.has(one.kind))
    const last = attempts.reduce((a, b) => (b.beganAt > a.beganAt ? b : a))
    const sinceMs = nextOf(last, schedule[kind], nextTickMs)
    if (sinceMs <= nowMs) return { kind, sinceMs }
  }
  return undefined
}

/** Infinity: never. */
function nextOf(last: BackupRecord, when: JobSchedule | undefined, nextTickMs: NextTick): number {
  if (when === undefined) return Infinity
  const beganMs = last.beganAt.getTime()
  return Math.min(nextTickMs(when, beganMs) ?? Infinity, last.error === null ? Infinity : beganMs + patienceMs)
}
