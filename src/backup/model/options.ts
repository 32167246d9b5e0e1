// What is declared of backups, checked and complete.

import type { JobSchedule } from '../../db/job.ts'

/** From the one that stands alone to the one that needs most others. */
export const backupKinds = ['full', 'differential', 'incremental'] as const
export type BackupKind = (typeof backupKinds)[number]

export type Repository =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 's3'
      readonly bucket: string
      readonly region: string
      readonly endpoint: string
      /** Within the bucket, with a slash in front. */
      readonly prefix: string
      readonly pathStyle: boolean
      /** Of authorities that the service's certificate is checked by; undefined: the system's. */
      readonly caFile: string | undefined
      /** Undefined: those of the machine's role. */
      readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
    }

/** A question that a restored database has to answer as the primary did. */
export interface BackupQuestion {
  readonly name: string
  /** One SELECT. */
  readonly sql: string
}

export interface VerifySettings {
  /** Undefined: only when somebody asks for it. */
  readonly everyMs: number | undefined
  /** Where backups are restored to be looked at. */
  readonly dir: string
  /** Of the server that is started there; undefined: those that the primary runs by. */
  readonly binaries: string | undefined
  /** The newest verified restore may be that old; undefined: however old it is. */
  readonly alertAfterMs: number | undefined
  readonly checks: readonly BackupQuestion[]
  /** Whether pg_amcheck goes through the restored database. */
  readonly amcheck: boolean
}

export interface BackupSettings {
  readonly provider: 'pgbackrest'
  /** What the repository calls this cluster. */
  readonly stanza: string
  readonly command: string
  /** Written by `init`. */
  readonly configFile: string
  /** Role that the provider connects by, over the server's socket; undefined: the account that owns the data. */
  readonly user: string | undefined
  readonly repository: Repository
  /** Undefined: the repository is not encrypted. */
  readonly pass: string | undefined
  readonly schedule: Readonly<Record<BackupKind, JobSchedule | undefined>>
  readonly keep: { readonly full: number; readonly differential: number | undefined }
  /** That work on one backup at once. */
  readonly processes: number
  readonly verify: VerifySettings
}
