// What routes read of tiers, archives and backups, with every field that can be told.

import type { BackupRecord, BackupStatus } from '../../src/backup/index.ts'
import type { ArchiveRecord, TableTierStatus } from '../../src/tiers/index.ts'

const at = new Date('2026-11-22T00:00:00Z')

export const tiered: TableTierStatus = {
  key: 'plays',
  schema: 'public',
  table: 'plays',
  state: 'applied',
  partitions: [
    {
      schema: 'public',
      name: 'p',
      lower: '2026-01-01 00:00:00+00',
      upper: '2026-02-01 00:00:00+00',
      tier: 'packed',
      state: 'packed',
      rows: 1_000,
      hotBytes: 500_000,
      sizeBytes: 50_000,
      looseBytes: 100,
      archiveBytes: 20_000,
      segments: 10,
      segmentBy: ['song'],
      held: false,
      next: { move: 'archive', on: at },
      failures: 1,
      failure: 'f',
      notBefore: at,
      movedAt: at,
      updatedAt: at,
    },
  ],
  findings: [{ gravity: 'warn', what: 'w', advice: 'a' }],
}

export const archive: ArchiveRecord = {
  id: 7n,
  tierPartition: 1n,
  schema: 'public',
  table: 'plays',
  partition: 'p',
  lower: '2026-01-01 00:00:00+00',
  upper: '2026-02-01 00:00:00+00',
  store: 's3://bucket/prefix',
  prefix: 'plays/p',
  state: 'verified',
  columns: [],
  tableOid: 1,
  definition: 'create table p ()',
  bytes: 20_000,
  content: { rows: '1000', one: '1', two: '2' },
  serverVersion: 180_000,
  archivedAt: at.toISOString(),
  verifiedAt: at.toISOString(),
  lastCheckedAt: null,
  lastTriedAt: null,
  checkFailure: 'a file has hunter2 in its name',
  isOwn: true,
}

const backup: BackupRecord = {
  label: '20261122-000000F',
  kind: 'full',
  beganAt: at,
  endedAt: at,
  bytes: 1_000,
  storedBytes: 100,
  walFrom: '000000010000000000000001',
  walTo: '000000010000000000000002',
  error: null,
}

export const backups: BackupStatus = {
  backups: 1,
  newest: backup,
  newestFull: backup,
  oldest: backup,
  ageMs: 1_000,
  lastCheck: null,
  verified: null,
  verifiedAgeMs: null,
  without: { backupMs: 0, verifiedMs: 0 },
  archive: { mode: 'on', lastArchivedAt: at, failingSince: null },
  findings: [{ kind: 'unverified', gravity: 'warn', what: 'w', todo: 't' }],
}
