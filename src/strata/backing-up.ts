// Backups as the configuration declares them.

import type { Clock } from '../base/clock.ts'
import type { Probe } from '../base/probe.ts'
import { backupProbes, createBackup, type Backup } from '../backup/index.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Db } from '../db/db.ts'
import { nextTickMs } from '../maintain/index.ts'
import type { BackupHealth } from '../watch/index.ts'

export interface BackingUp {
  /** Backups of the whole server, and the proof that they can be restored. Undefined: `backup` is not declared. */
  readonly backup: Backup | undefined
}

export function backingUp(
  { backup: settings }: Pick<ResolvedConfig, 'backup'>,
  { db, clock }: { readonly db: Db; readonly clock: Clock },
): BackingUp {
  return { backup: settings === undefined ? undefined : createBackup({ db, settings, nextTickMs, clock }) }
}

/** What `doctor` asks, also where none is declared. */
export function probesOfBackups({ backup }: BackingUp, db: Db): readonly Probe[] {
  return backupProbes({ db, status: backup === undefined ? undefined : () => backup.status() })
}

/** In the few numbers that are watched. */
export async function backupHealth(backup: Backup): Promise<BackupHealth> {
  const { ageMs, verifiedAgeMs, without } = await backup.status()
  return { ageMs: ageMs ?? without.backupMs, verifiedAgeMs: verifiedAgeMs ?? without.verifiedMs }
}
