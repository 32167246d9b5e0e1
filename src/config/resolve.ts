// A configuration as written → checked, complete and deeply frozen. Inside the library nothing is optional and no
// duration is text. Every complaint names the path, what was expected and what was got; all are told at once.

import { resolve as resolvePath } from 'node:path'
import type { z } from 'zod'
import { StrataError } from '../base/errors.ts'
import { parseDurationMs } from '../base/units.ts'
import type { BackupSettings } from '../backup/index.ts'
import type { LadderOptions } from '../plan/index.ts'
import type { LiveSettings } from '../live/index.ts'
import type { MigrateOptions } from '../migrate/index.ts'
import type { Cleanup, JobSettings } from '../maintain/index.ts'
import type { PartitionedTable } from '../partitions/index.ts'
import type { DeclaredRollups, Rollup } from '../rollups/index.ts'
import type { ArchiveSettings, TieredTable } from '../tiers/index.ts'
import type { MaterializedView, PlainView } from '../views/index.ts'
import type { ChangesSettings } from '../changes/feed/index.ts'
import type { AlertSettings, ExpectedIndex, WatchSettings } from '../watch/index.ts'
import { resolveAlerts, resolveExpected } from './alerts.ts'
import { resolveArchive } from './archive.ts'
import { followAlertAfter, resolveBackup } from './backup.ts'
import { resolveCache, type CacheSettings } from './cache.ts'
import { resolveChanges } from './changes.ts'
import { complain } from './complaints.ts'
import { resolveJobs } from './jobs.ts'
import { resolveLive, tablesOfLive } from './live.ts'
import { resolvePool, type ResolvedPool } from './pool.ts'
import { resolveServer, type ServerSettings } from './server.ts'
import { configSchema, type ParsedConfig } from './shape.ts'
import { resolveRollups } from './rollups.ts'
import { resolveTables } from './tables.ts'
import { resolveWatch } from './watch.ts'
import { resolvePlainViews, resolveViews } from './views.ts'

/** `Declared`: the type of `rollups` as it is written, from which that of their readers follows. */
export interface ResolvedConfig<Declared extends DeclaredRollups = DeclaredRollups> {
  /** Folder that relative paths start from. */
  readonly root: string
  readonly database: { readonly primary: string; readonly direct: string; readonly connectTimeoutMs: number }
  /** What a StrataPool over all the servers is made with. */
  readonly pool: ResolvedPool
  readonly migrate: MigrateOptions
  readonly ladder: LadderOptions
  readonly waitMs: number
  readonly jobs: JobSettings
  /** A further schema in which create_monthly_partitions() stands. */
  readonly monthlyFunctionIn: string | undefined
  /** Those that are laid out in time or space. */
  readonly tables: readonly PartitionedTable[]
  /** Those of which rows expire. */
  readonly cleanups: readonly Cleanup[]
  /** Those of them whose partitions change their tier. */
  readonly tiered: readonly TieredTable[]
  /** undefined: nothing is archived. */
  readonly archive: ArchiveSettings | undefined
  /** undefined: pgstrata makes no backups. */
  readonly backup: BackupSettings | undefined
  readonly rollups: readonly Rollup[]
  /** As they are written. */
  readonly declaredRollups: Declared
  readonly views: readonly MaterializedView[]
  readonly plainViews: readonly PlainView[]
  /** undefined: nothing is told. */
  readonly changes: ChangesSettings | undefined
  readonly live: LiveSettings | undefined
  readonly cache: CacheSettings
  /** undefined: servers are not watched. */
  readonly watch: WatchSettings | undefined
  /** undefined: `pgstrata serve` does not listen. */
  readonly server: ServerSettings | undefined
  readonly alerts: AlertSettings
  /** Queries that have to use an index. */
  readonly expected: readonly ExpectedIndex[]
  readonly dev: ParsedConfig['dev']
}

/** Of a configuration as it is written: of what `defineConfig` gives. */
export type RollupsIn<Written> = Written extends { readonly rollups: infer Declared extends DeclaredRollups }
  ? Declared
  : Readonly<Record<string, never>>

export interface ResolveOptions {
  readonly root: string
  /** How messages call it: 'pgstrata.config.ts'. */
  readonly name: string
  /** Stands in for database.primary where it is undefined; replicas without a URL are then left out. */
  readonly fallbackUrl?: string | undefined
}

export function resolveConfig<const Written>(
  written: Written,
  options: ResolveOptions,
): ResolvedConfig<RollupsIn<Written>> {
  const parsed = configSchema.safeParse(withFallback(written, options.fallbackUrl), { reportInput: true })
  if (!parsed.success) throw invalid(parsed.error.issues, options.name)
  const { database, migrations, jobs, tables, rollups, views, changes, cache, dev } = parsed.data
  const resolvedRollups = resolveRollups(rollups, tables)
  const live = resolveLive(parsed.data.live, { rollups: resolvedRollups, redis: cache.redis })
  const ladder: LadderOptions = {
    firstTimeoutMs: parseDurationMs(migrations.lockTimeout.first),
    lastTimeoutMs: parseDurationMs(migrations.lockTimeout.last),
    tries: migrations.lockTimeout.tries,
    concurrentTimeoutMs: parseDurationMs(migrations.lockTimeout.concurrent),
  }
  const waitMs = parseDurationMs(migrations.wait)
  const backup = resolveBackup(parsed.data.backup, { root: options.root, zone: jobs.zone })
  const alerts = resolveAlerts(parsed.data.alerts, { ownJobs: Object.keys(jobs.own) })
  const pool = resolvePool(database)
  const primary = pool.connectionString
  const resolved: ResolvedConfig = {
    root: options.root,
    database: {
      primary,
      direct: database.direct ?? primary,
      connectTimeoutMs: parseDurationMs(database.connectTimeout),
    },
    pool,
    migrate: { dir: resolvePath(options.root, migrations.dir), ladder, waitMs, lint: migrations.lint },
    ladder,
    waitMs,
    jobs: resolveJobs(jobs),
    monthlyFunctionIn: jobs.monthlyFunctionIn,
    ...resolveTables(tables, options.root),
    archive: resolveArchive(parsed.data.archive, options.root),
    backup,
    rollups: resolvedRollups,
    declaredRollups: rollups,
    views: resolveViews(views, jobs.zone),
    plainViews: resolvePlainViews(views),
    changes: resolveChanges(changes, tablesOfLive(live)),
    live,
    cache: resolveCache(cache),
    watch: resolveWatch(parsed.data.watch),
    server: resolveServer(parsed.data.server),
    alerts: { ...alerts, rules: followAlertAfter(alerts.rules, { alerts: parsed.data.alerts, backup }) },
    expected: resolveExpected(parsed.data.expect),
    dev: { ...dev, dir: resolvePath(options.root, dev.dir) },
  }
  return deepFreeze(resolved) as ResolvedConfig<RollupsIn<Written>>
}

interface WrittenDatabase {
  readonly primary?: string | { readonly url?: unknown } | null
  readonly replicas?: unknown
}

function withFallback(written: unknown, fallbackUrl: string | undefined): unknown {
  const config = written as { database?: WrittenDatabase } | null | undefined
  if (fallbackUrl === undefined || typeof config?.database !== 'object' || config.database === null) return written
  const { primary, replicas } = config.database
  return {
    ...config,
    database: {
      ...config.database,
      primary: hasUrl(primary) ? primary : typeof primary === 'object' ? { ...primary, url: fallbackUrl } : fallbackUrl,
      ...(Array.isArray(replicas) ? { replicas: replicas.filter(hasUrl) } : {}),
    },
  }
}

function hasUrl(node: unknown): boolean {
  return typeof node === 'object' && node !== null ? (node as { url?: unknown }).url !== undefined : node !== undefined
}

function invalid(issues: readonly z.core.$ZodIssue[], name: string): StrataError {
  const complaints = issues.flatMap((issue) => complain(issue))
  const [first = { path: '', text: '', code: 'CONFIG_INVALID' as const }] = complaints
  return new StrataError(complaints.every(({ code }) => code === first.code) ? first.code : 'CONFIG_INVALID', {
    message:
      complaints.length === 1 ? `${name}: ${first.path}: ${first.text}` : `${name} has ${complaints.length} mistakes`,
    notes: complaints.length === 1 ? [] : complaints.map((complaint) => `${complaint.path}: ${complaint.text}`),
    details: { file: name, issues: complaints.map(({ path, text }) => ({ path, text })) },
  })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
