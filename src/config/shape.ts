// What a configuration may say, as types (for the editor) and as a schema (for the load). One key here is one row of
// docs/config.md, which is generated from the descriptions. A key exists only once something implements it.

import { z } from 'zod'
import { ruleNames } from '../migrate/lint/index.ts'
import {
  alertsSchema,
  expectSchema,
  findAlertFaults,
  findUnwatched,
  type AlertsConfig,
  type ExpectConfig,
} from './alerts.ts'
import { archiveSchema, type ArchiveConfig } from './archive.ts'
import { backupSchema, type BackupConfig } from './backup.ts'
import { cacheSchema, type CacheConfig } from './cache.ts'
import { changesSchema, type ChangesConfig } from './changes.ts'
import { databaseSchema, type DatabaseConfig, type ParsedDatabase } from './database.ts'
import { jobsSchema, type JobsConfig, type ParsedJobs } from './jobs.ts'
import { findLiveFaults, liveSchema, type LiveConfig } from './live.ts'
import { findServerFaults, serverSchema, type ServerConfig } from './server.ts'
import type { ParsedTables, TablesConfig } from './table-types.ts'
import { findRollupFaults, resolveRollups, rollupsSchema, type RollupsConfig } from './rollups.ts'
import { tablesSchema } from './tables.ts'
import { findTierFaults } from './tiers.ts'
import { duration, type Duration } from './values.ts'
import { findWatchFaults, watchSchema, type WatchConfig } from './watch.ts'
import { findViewFaults, viewsSchema, type ViewsConfig } from './views.ts'

export interface StrataConfig {
  readonly database: DatabaseConfig
  readonly migrations?:
    | {
        readonly dir?: string | undefined
        readonly lockTimeout?:
          | {
              readonly first?: Duration
              readonly last?: Duration
              readonly tries?: number
              readonly concurrent?: Duration
            }
          | undefined
        readonly wait?: Duration | undefined
        readonly lint?:
          | {
              readonly gate?: 'error' | 'warning' | 'off'
              readonly rules?: Readonly<Record<string, 'off' | 'note' | 'warning' | 'error'>>
            }
          | undefined
      }
    | undefined
  readonly tables?: TablesConfig | undefined
  readonly archive?: ArchiveConfig | undefined
  readonly backup?: BackupConfig | undefined
  readonly rollups?: RollupsConfig | undefined
  readonly views?: ViewsConfig | undefined
  readonly changes?: ChangesConfig | undefined
  readonly live?: LiveConfig | undefined
  readonly cache?: CacheConfig | undefined
  readonly watch?: WatchConfig | undefined
  readonly server?: ServerConfig | undefined
  readonly alerts?: AlertsConfig | undefined
  readonly expect?: Readonly<Record<string, ExpectConfig>> | undefined
  readonly jobs?: JobsConfig | undefined
  readonly dev?:
    | {
        readonly version?: 15 | 16 | 17 | 18 | undefined
        readonly port?: number | undefined
        readonly replicas?: number | undefined
        readonly database?: string | undefined
        readonly dir?: string | undefined
        readonly preload?: readonly string[] | undefined
        readonly settings?: Readonly<Record<string, string>> | undefined
      }
    | undefined
}

const severity = z.enum(['off', 'note', 'warning', 'error'])

const migrations = z.strictObject({
  dir: z
    .string()
    .min(1)
    .default('./migrations')
    .describe('Folder of the migration files, relative to the configuration.'),
  lockTimeout: z
    .strictObject({
      first: duration
        .default('100ms')
        .describe('Longest wait for a lock in the first try. Nobody queues behind us longer than that.'),
      last: duration.default('1s').describe('The same in the last try; tries in between grow evenly.'),
      tries: z.int().min(1).max(100).default(20).describe('Tries before a migration gives up.'),
      concurrent: duration
        .default('10 min')
        .describe('For CREATE INDEX CONCURRENTLY and its like, whose waits block nobody.'),
    })
    .prefault({})
    .describe('How migrations and apply wait for locks.'),
  wait: duration.default('5 min').describe('How long a second runner waits for the first.'),
  lint: z
    .strictObject({
      gate: z
        .enum(['error', 'warning', 'off'])
        .default('error')
        .describe('`migrate up` stops at findings of this severity or worse.'),
      rules: z.partialRecord(z.enum(ruleNames()), severity).default({}).describe('Severity of single rules, or `off`.'),
    })
    .prefault({})
    .describe('The check that runs before each `migrate up`.'),
})

const dev = z.strictObject({
  version: z
    .union([z.literal(15), z.literal(16), z.literal(17), z.literal(18)])
    .default(18)
    .describe('PostgreSQL version of the embedded cluster.'),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(54_320)
    .describe('Port of the embedded primary; the next free one is taken where it is in use. 0: any.'),
  replicas: z.int().min(0).max(8).default(1).describe('Streaming replicas of the embedded cluster.'),
  database: z.string().min(1).max(63).default('app').describe('Database that is created in it.'),
  dir: z.string().min(1).default('./.pgstrata').describe('Folder of its data, relative to the configuration.'),
  preload: z.array(z.string()).default(['pg_stat_statements']).describe('shared_preload_libraries.'),
  settings: z.record(z.string(), z.string()).default({}).describe('Further settings of postgresql.conf.'),
})

export const configSchema: z.ZodType<ParsedConfig> = z
  .strictObject({
    database: databaseSchema.describe('Where the data is.'),
    migrations: migrations.prefault({}).describe('Files that change the schema, one after the other.'),
    tables: tablesSchema
      .default({})
      .describe('Tables laid out in time and space, by name: partitions, how long rows live, and rows that expire.'),
    backup: backupSchema
      .optional()
      .describe('Backups of the whole server, and the proof that they can be restored to a moment.'),
    archive: archiveSchema
      .optional()
      .describe('Where partitions go that are `cold`: as Parquet, into a bucket or a folder.'),
    rollups: rollupsSchema.default({}).describe('Aggregates that are kept current, by name: exact to the last commit.'),
    views: viewsSchema.default({}).describe('Views, by name: made and replaced; materialized ones are refreshed.'),
    changes: changesSchema
      .optional()
      .describe('The feed of changes, which `pgstrata serve` runs: what cached values are invalidated by.'),
    live: liveSchema.optional().describe('Events that clients hear over HTTP, of changes that the feed tells.'),
    cache: cacheSchema.prefault({}).describe('Values and answers kept near, and never older than they may be.'),
    watch: watchSchema
      .optional()
      .describe('Servers are watched by `pgstrata serve`, and what is measured is kept: `{}` is enough.'),
    server: serverSchema.optional().describe('What `pgstrata serve` answers over HTTP: health, metrics, management.'),
    alerts: alertsSchema
      .optional()
      .describe('When somebody is told of what is measured, and how; with `watch` alone, the rules of docs/alerts.md.'),
    expect: expectSchema
      .optional()
      .describe('Queries by name that have to use an index: an alert says when one does not any more.'),
    jobs: jobsSchema.prefault({} as ParsedJobs).describe('Work that `pgstrata serve` does again and again.'),
    dev: dev.prefault({}).describe('The embedded cluster of `pgstrata dev`.'),
  })
  .check(({ value, issues }) => {
    for (const { path, message } of [
      ...findRollupFaults(value.rollups, value.tables),
      ...findTierFaults(value.tables, value.archive),
      ...findViewFaults(value.views, resolveRollups(value.rollups, value.tables)),
      ...findLiveFaults(value.live, resolveRollups(value.rollups, value.tables)),
      ...findWatchFaults(value.watch),
      ...findServerFaults(value.server),
      ...findUnwatched(value),
      ...findAlertFaults(value.alerts, { ownJobs: Object.keys(value.jobs.own) }),
    ]) {
      issues.push({ code: 'custom', message, input: '', path: [...path] })
    }
  })

export interface ParsedConfig {
  readonly database: ParsedDatabase
  readonly migrations: {
    readonly dir: string
    readonly lockTimeout: {
      readonly first: Duration
      readonly last: Duration
      readonly tries: number
      readonly concurrent: Duration
    }
    readonly wait: Duration
    readonly lint: {
      readonly gate: 'error' | 'warning' | 'off'
      readonly rules: Readonly<Partial<Record<string, 'off' | 'note' | 'warning' | 'error'>>>
    }
  }
  readonly tables: ParsedTables
  readonly archive?: ArchiveConfig | undefined
  readonly backup?: BackupConfig | undefined
  readonly rollups: RollupsConfig
  readonly views: ViewsConfig
  readonly changes?: ChangesConfig | undefined
  readonly live?: LiveConfig | undefined
  readonly cache: CacheConfig
  readonly watch?: WatchConfig | undefined
  readonly server?: ServerConfig | undefined
  readonly alerts?: AlertsConfig | undefined
  readonly expect?: Readonly<Record<string, ExpectConfig>> | undefined
  readonly jobs: ParsedJobs
  readonly dev: {
    readonly version: 15 | 16 | 17 | 18
    readonly port: number
    readonly replicas: number
    readonly database: string
    readonly dir: string
    readonly preload: readonly string[]
    readonly settings: Readonly<Record<string, string>>
  }
}
