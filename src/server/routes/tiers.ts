// Where partitions are, what is archived, and how backups stand; and asking for a partition to be moved, which the job does.

import type { BackupRecord } from '../../backup/index.ts'
import {
  archivesShape,
  backupsShape,
  moveRequestShape,
  moveShape,
  tiersShape,
  type ArchivesAnswer,
  type BackupAnswer,
  type BackupsAnswer,
  type MoveAnswer,
  type MoveRequest,
  type TiersAnswer,
} from '../contract/tiers.ts'
import { jsonRoute, type Route, type RouteTools } from '../route.ts'
import { object, text, type ObjectShape } from '../shape.ts'
import { isoOf } from './readings.ts'

interface PartitionName {
  readonly table: string
  readonly partition: string
}

const partitionName: ObjectShape<PartitionName> = object<PartitionName>({
  table: text({ least: 1, most: 200 }),
  partition: text({ least: 1, most: 63 }),
})

const looked = { method: 'GET', group: 'upkeep', access: 'read', cache: 'revalidate' } as const

export const tierRoutes: readonly Route[] = [
  jsonRoute<TiersAnswer>({
    ...looked,
    path: '/api/tiers',
    summary: 'Tables with tiers: where each partition is, what it takes, and what happens to it next.',
    answer: tiersShape,
    handle: (_, tools) => readTiers(tools),
  }),
  jsonRoute<MoveAnswer, PartitionName, unknown, MoveRequest>({
    method: 'POST',
    group: 'upkeep',
    access: 'manage',
    cache: 'none',
    path: '/api/tiers/:table/:partition/move',
    summary: 'Has the job `tiers` move a partition with its next run, before what is due by itself.',
    params: partitionName,
    body: moveRequestShape,
    answer: moveShape,
    status: () => 202,
    statuses: { 202: 'Noted.' },
    fails: ['TABLE_UNKNOWN', 'TIER_STATE'],
    handle: async ({ params: { table, partition }, body: { what } }, { sources: { tiers } }) => {
      await tiers.request(table, partition, what)
      return { table, partition, what }
    },
  }),
  jsonRoute<ArchivesAnswer>({
    ...looked,
    path: '/api/archives',
    summary: 'Archives of partitions: what each holds, whether it was proven, and whether it is damaged.',
    answer: archivesShape,
    handle: (_, tools) => readArchives(tools),
  }),
  jsonRoute<BackupsAnswer>({
    ...looked,
    path: '/api/backups',
    summary: 'Backups of the server: how old the newest is, and the newest that was proven by a restore.',
    answer: backupsShape,
    handle: (_, tools) => readBackups(tools),
  }),
]

async function readTiers({ sources, shared }: RouteTools): Promise<TiersAnswer> {
  const all = await shared.ask('tiers', () => sources.tiers.status())
  return {
    tables: all.map(({ key, schema, table, state, partitions, findings }) => ({
      key,
      schema,
      table,
      state,
      partitions: partitions.map((one) => ({
        schema: one.schema,
        name: one.name,
        lower: one.lower,
        upper: one.upper,
        tier: one.tier,
        state: one.state,
        rows: one.rows,
        hotBytes: one.hotBytes,
        sizeBytes: one.sizeBytes,
        archiveBytes: one.archiveBytes,
        held: one.held,
        next: one.next === null ? null : { move: one.next.move, on: isoOf(one.next.on) },
        failures: one.failures,
        movedAt: isoOf(one.movedAt),
      })),
      findings: findings.map(({ what, advice }) => ({ what, todo: advice })),
    })),
  }
}

async function readArchives({ sources, shared }: RouteTools): Promise<ArchivesAnswer> {
  const all = await shared.ask('archives', () => sources.archives())
  return {
    archives: all.map((one) => ({
      id: String(one.id),
      schema: one.schema,
      table: one.table,
      partition: one.partition,
      lower: one.lower,
      upper: one.upper,
      state: one.state,
      rows: one.content === null ? null : Number(one.content.rows),
      bytes: one.bytes,
      archivedAt: one.archivedAt,
      verifiedAt: one.verifiedAt,
      lastCheckedAt: one.lastCheckedAt,
      failed: one.checkFailure !== null,
    })),
  }
}

const undeclared: BackupsAnswer = {
  declared: false,
  backups: 0,
  newest: null,
  oldest: null,
  ageMs: null,
  verifiedAgeMs: null,
  walArchivedAt: null,
  findings: [],
}

async function readBackups({ sources: { backup }, shared }: RouteTools): Promise<BackupsAnswer> {
  if (backup === undefined) return undeclared
  const { backups, newest, oldest, ageMs, verifiedAgeMs, archive, findings } = await shared.ask('backups', () =>
    backup.status(),
  )
  return {
    declared: true,
    backups,
    newest: backupOf(newest),
    oldest: backupOf(oldest),
    ageMs,
    verifiedAgeMs,
    walArchivedAt: isoOf(archive.lastArchivedAt),
    findings: findings.map(({ what, todo }) => ({ what, todo })),
  }
}

function backupOf(record: BackupRecord | null): BackupAnswer | null {
  if (record === null) return null
  const { label, kind, endedAt, bytes, storedBytes } = record
  return { label, kind, endedAt: endedAt.toISOString(), bytes, storedBytes }
}
