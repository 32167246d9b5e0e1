// What the server answers of tiers, archives and backups, and what it takes to have a partition moved.

import {
  flag,
  list,
  nullable,
  number,
  object,
  oneOf,
  text,
  time,
  whole,
  type ObjectShape,
  type Shape,
} from '../shape.ts'
import { findingTexts, type FindingText } from './views.ts'

export interface TierPartitionAnswer {
  readonly schema: string
  readonly name: string
  readonly lower: string
  readonly upper: string
  readonly tier: string
  readonly state: string
  readonly rows: number | null
  /** What it took before its first move. */
  readonly hotBytes: number | null
  readonly sizeBytes: number
  readonly archiveBytes: number | null
  readonly held: boolean
  /** Null: nothing that can be told. `on` null: with the next run of the job. */
  readonly next: { readonly move: string; readonly on: string | null } | null
  readonly failures: number
  readonly movedAt: string | null
}

export interface TierTableAnswer {
  readonly key: string
  readonly schema: string
  readonly table: string
  readonly state: string
  readonly partitions: readonly TierPartitionAnswer[]
  readonly findings: readonly FindingText[]
}

export interface TiersAnswer {
  readonly tables: readonly TierTableAnswer[]
}

export interface MoveRequest {
  readonly what: (typeof askedMoves)[number]
}

export interface MoveAnswer {
  readonly table: string
  readonly partition: string
  readonly what: string
}

export interface ArchivesAnswer {
  readonly archives: readonly ArchiveAnswer[]
}

export interface ArchiveAnswer {
  readonly id: string
  readonly schema: string
  readonly table: string
  readonly partition: string
  readonly lower: string
  readonly upper: string
  readonly state: string
  readonly rows: number | null
  readonly bytes: number | null
  readonly archivedAt: string | null
  readonly verifiedAt: string | null
  readonly lastCheckedAt: string | null
  readonly failed: boolean
}

export interface BackupsAnswer {
  /** False: the configuration declares none, and nothing else is known. */
  readonly declared: boolean
  readonly backups: number
  readonly newest: BackupAnswer | null
  readonly oldest: BackupAnswer | null
  readonly ageMs: number | null
  readonly verifiedAgeMs: number | null
  readonly walArchivedAt: string | null
  readonly findings: readonly FindingText[]
}

export interface BackupAnswer {
  readonly label: string
  readonly kind: string
  readonly endedAt: string
  readonly bytes: number
  readonly storedBytes: number
}

export const askedMoves = ['pack', 'slim', 'unpack', 'archive', 'restore', 'drop'] as const

export const moveRequestShape: ObjectShape<MoveRequest> = object<MoveRequest>({ what: oneOf(...askedMoves) })

export const moveShape: Shape<MoveAnswer> = object<MoveAnswer>({ table: text(), partition: text(), what: text() })

export const tiersShape: Shape<TiersAnswer> = object<TiersAnswer>({
  tables: list(
    object<TierTableAnswer>({
      key: text(),
      schema: text(),
      table: text(),
      state: text(),
      partitions: list(
        object<TierPartitionAnswer>({
          schema: text(),
          name: text(),
          lower: text(),
          upper: text(),
          tier: text(),
          state: text(),
          rows: nullable(number()),
          hotBytes: nullable(number()),
          sizeBytes: number(),
          archiveBytes: nullable(number()),
          held: flag(),
          next: nullable(object<NonNullable<TierPartitionAnswer['next']>>({ move: text(), on: nullable(time()) })),
          failures: whole(),
          movedAt: nullable(time()),
        }),
      ),
      findings: findingTexts,
    }),
  ),
})

export const archivesShape: Shape<ArchivesAnswer> = object<ArchivesAnswer>({
  archives: list(
    object<ArchiveAnswer>({
      id: text(),
      schema: text(),
      table: text(),
      partition: text(),
      lower: text(),
      upper: text(),
      state: text(),
      rows: nullable(number()),
      bytes: nullable(number()),
      archivedAt: nullable(time()),
      verifiedAt: nullable(time()),
      lastCheckedAt: nullable(time()),
      failed: flag(),
    }),
  ),
})

const backupShape: Shape<BackupAnswer> = object<BackupAnswer>({
  label: text(),
  kind: text(),
  endedAt: time(),
  bytes: number(),
  storedBytes: number(),
})

export const backupsShape: Shape<BackupsAnswer> = object<BackupsAnswer>({
  declared: flag(),
  backups: whole(),
  newest: nullable(backupShape),
  oldest: nullable(backupShape),
  ageMs: nullable(number()),
  verifiedAgeMs: nullable(number()),
  walArchivedAt: nullable(time()),
  findings: findingTexts,
})
