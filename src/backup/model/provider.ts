// Who makes backups and restores them: everything else is said in these words.
//
// What a provider must keep: `run` ends well only when the backup can be restored with WAL that is in the repository; `restore`
// leaves a data directory that recovers to the moment by itself when it is started, takes writes from then on and archives nothing.

import type { RunUser } from '../../embedded/host.ts'
import type { BackupKind } from './options.ts'
import type { BackupFault, BackupRecord } from './record.ts'

/** Of the server that is backed up. */
export interface BackedServer {
  readonly major: number
  /** '15.14' */
  readonly version: string
  readonly dataDir: string
  readonly port: number
  readonly socketDir: string
  readonly database: string
  readonly settings: Readonly<Record<BackupSetting, string>>
}

type BackupSetting = 'archive_mode' | 'archive_command' | 'archive_timeout' | 'wal_level'

/** A setting of the server that is not as backups need it. */
export interface Requirement {
  readonly setting: BackupSetting
  readonly now: string
  readonly needed: string
  /** Otherwise a reload is enough. */
  readonly restart: boolean
}

export interface InitReport {
  readonly configFile: string
  /** Whether it was written now. */
  readonly written: boolean
  /** What is left to be set; none: WAL was archived, and the repository has it. */
  readonly requirements: readonly Requirement[]
}

export interface RestoreRequest {
  readonly backup: string
  /** Empty, and the provider's own account's. */
  readonly dir: string
  /** Where tablespaces go. */
  readonly tablespaces: string
  /** As PostgreSQL reads a time; 'latest': to the end of the archived WAL. */
  readonly target: string
}

export interface BackupProvider {
  readonly name: string
  /** The account that it runs as; undefined: ours. */
  account(): Promise<RunUser | undefined>
  init(server: BackedServer, signal: AbortSignal | undefined): Promise<InitReport>
  /** So that there can be a restore where nothing was set up yet: on a machine that takes over. */
  prepareRestore(dir: string): Promise<void>
  run(kind: BackupKind, signal: AbortSignal | undefined): Promise<BackupRecord>
  /** The oldest first. */
  list(signal: AbortSignal | undefined): Promise<readonly BackupRecord[]>
  /** Waits until the repository has all WAL that was written so far. */
  archive(signal: AbortSignal | undefined): Promise<void>
  /** Reads everything in the repository. */
  check(signal: AbortSignal | undefined): Promise<readonly BackupFault[]>
  /** Removes what need not be kept: labels. */
  expire(signal: AbortSignal | undefined): Promise<readonly string[]>
  restore(to: RestoreRequest, signal: AbortSignal | undefined): Promise<void>
}
