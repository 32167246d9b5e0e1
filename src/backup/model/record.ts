// What there is of backups, and what was found of them.

import type { BackupKind } from './options.ts'

export interface BackupRecord {
  readonly label: string
  readonly kind: BackupKind
  readonly beganAt: Date
  readonly endedAt: Date
  /** Of the cluster, as it was. */
  readonly bytes: number
  /** What it added to the repository. */
  readonly storedBytes: number
  /** Segments that it cannot do without. */
  readonly walFrom: string
  readonly walTo: string
  /** What is wrong with it; null: nothing that is known. */
  readonly error: string | null
}

/** Something that is damaged in the repository. */
export interface BackupFault {
  readonly what: string
}

/** A backup that was restored to a moment, to see whether it can be. */
export interface BackupCheck {
  readonly id: string
  readonly backup: string
  /** The moment. */
  readonly target: Date
  readonly beganAt: Date
  readonly endedAt: Date | null
  /** Null: it is under way, or its process was killed. */
  readonly outcome: 'verified' | 'failed' | null
  readonly found: BackupFindings | null
  readonly failure: string | null
}

/** What was looked at in the restored database. */
export interface BackupFindings {
  /** The newest mark that is there. */
  readonly mark: string
  /** By name: as the primary answered, or answered while the primary's own answer was changing. */
  readonly checks: Readonly<Record<string, 'equal' | 'answered'>>
  readonly amcheck: 'passed' | 'left out'
  readonly restoreMs: number
  readonly recoverMs: number
}
