// Backups as one object: setting them up, making, listing and verifying them, restoring, and how they stand. Holds no state.

import type { Clock } from '../base/clock.ts'
import type { OnProgress } from '../base/logger.ts'
import type { Db } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import type { NextTick } from './due.ts'
import { backupJobs } from './jobs.ts'
import type { BackupKind, BackupSettings } from './model/options.ts'
import type { BackupProvider, InitReport } from './model/provider.ts'
import type { BackupCheck, BackupRecord } from './model/record.ts'
import { createPgBackRest } from './pgbackrest/provider.ts'
import { restoreBackup, type RestoreOptions, type RestoreReport } from './restore.ts'
import { runBackup, type RunReport } from './run.ts'
import { readServer } from './server.ts'
import { readBackupStatus, type BackupStatus } from './status.ts'
import { verifyBackup } from './verify.ts'

export interface Backup {
  /** Writes the provider's configuration, makes the repository, and says what is left to be set. Can be repeated. */
  init(options?: { readonly signal?: AbortSignal | undefined }): Promise<InitReport>
  /** Makes one now. Default: an incremental one; the first is full whatever is asked for. */
  run(options?: {
    readonly kind?: BackupKind | undefined
    readonly signal?: AbortSignal | undefined
  }): Promise<RunReport>
  /** What the repository holds, the oldest first. The database is not needed for it. */
  list(options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly BackupRecord[]>
  /** Restores to a moment, default now, into a server of its own, and looks at it there. */
  verify(options?: VerifyOptions): Promise<BackupCheck>
  /** Restores into an empty folder. The database is not needed for it. */
  restore(options: RestoreOptions): Promise<RestoreReport>
  /** By what is kept in the database: it can be asked from anywhere. */
  status(): Promise<BackupStatus>
  readonly jobs: readonly Job[]
}

interface VerifyOptions {
  readonly at?: Date | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface BackupTools {
  readonly db: Db
  readonly settings: BackupSettings
  readonly nextTickMs: NextTick
  readonly clock: Clock
}

export function createBackup({ db, settings, nextTickMs, clock }: BackupTools): Backup {
  const provider: BackupProvider = createPgBackRest(settings, clock)
  return {
    init: async ({ signal } = {}) => provider.init(await readServer(db), signal),
    run: ({ kind = 'incremental', signal } = {}) =>
      runBackup({ db, provider, kind, keep: settings.keep, verifyDir: settings.verify.dir, clock, signal }),
    list: ({ signal } = {}) => provider.list(signal),
    verify: (options = {}) => verifyBackup({ ...options, db, provider, clock, settings: settings.verify }),
    restore: (options) => restoreBackup(provider, options),
    status: () => readBackupStatus({ db, settings, nextTickMs }),
    jobs: backupJobs({ settings, provider, nextTickMs }),
  }
}
