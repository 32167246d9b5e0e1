// The tenth version: tiers of partitions, their archives, and backups that are proven.

import { archiveTables } from './archive-tables.ts'
import { backupTables } from './backup-tables.ts'
import { tierTables } from './tier-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version10: SchemaVersion = {
  version: 10,
  title: 'schema "pgstrata": tiers, archives and backups',
  tables: [
    'tier_table',
    'tier_partition',
    'tier_pack',
    'tier_touch',
    'tier_move',
    'tier_barrier',
    'archive',
    'archive_file',
    'backup_mark',
    'backup_check',
    'backup_record',
  ],
  views: ['archive_metadata'],
  aggregates: ['common_divisor(bigint)'],
  statements: [...tierTables, ...archiveTables, ...backupTables],
}
