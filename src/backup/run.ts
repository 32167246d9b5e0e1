// Making one backup, and removing those that need not be kept any more.
//
// What must be true: a damaged backup never takes the place of a whole one. The provider counts both, so nothing is removed while one
// of those that count is damaged.

import type { Clock } from '../base/clock.ts'
import type { Db } from '../db/db.ts'
import { keepRecords } from './check-store.ts'
import { withHold } from './hold.ts'
import type { BackupKind, BackupSettings } from './model/options.ts'
import type { BackupProvider } from './model/provider.ts'
import type { BackupRecord } from './model/record.ts'

export interface RunReport {
  readonly made: BackupRecord
  /** Labels. */
  readonly expired: readonly string[]
}

export interface RunBackupOptions {
  readonly db: Db
  readonly provider: BackupProvider
  readonly kind: BackupKind
  readonly keep: BackupSettings['keep']
  /** Where others may be proving the repository meanwhile. */
  readonly verifyDir: string
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

export async function runBackup({
  db,
  provider,
  kind,
  keep,
  verifyDir,
  clock,
  signal,
}: RunBackupOptions): Promise<RunReport> {
  const made = await provider.run(kind, signal)
  const records = await provider.list(signal)
  await keepRecords(db, records)
  if (made.error !== null || isDamageCounted(records, keep)) return { made, expired: [] }
  const account = await provider.account()
  // Where somebody reads it, the next backup removes what this one does not.
  const expired =
    (await withHold({ dir: verifyDir, account, clock, waitMs: 0, signal }, () => provider.expire(signal))) ?? []
  if (expired.length > 0) await keepRecords(db, await provider.list(signal))
  return { made, expired }
}

/** Whether one of the newest, by whose number others are removed, is damaged. Pure. */
export function isDamageCounted(
  records: readonly BackupRecord[],
  { full, differential }: BackupSettings['keep'],
): boolean {
  const fulls = records.filter(({ kind }) => kind === 'full')
  // Full ones count as differential ones, too.
  const differentials = differential === undefined ? [] : records.filter(({ kind }) => kind !== 'incremental')
  const counted = [...fulls.slice(-full), ...differentials.slice(-(differential ?? 1))]
  return counted.some(({ error }) => error !== null)
}
