// pgstrata's backups: made by a provider, and counted only once a restore was verified.

export { createBackup, type Backup } from './facade.ts'
export type { BackupKind, BackupSettings, Repository, VerifySettings } from './model/options.ts'
export type { InitReport, Requirement } from './model/provider.ts'
export type { BackupCheck, BackupRecord } from './model/record.ts'
export { backupProbes } from './probes.ts'
export type { RestoreReport } from './restore.ts'
export type { RunReport } from './run.ts'
export type { BackupStatus } from './status.ts'
