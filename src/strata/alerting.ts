// Alerts as the configuration declares them: rules over what is watched, and what is done about them.
//
// What must be true: rules are looked at by the process that measures, under its lease, and by no other. Nothing runs where `watch` is
// not declared; what was raised before can be read all the same. Connections of its own, so that an alert about a full pool is not in it.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { ResolvedConfig } from '../config/index.ts'
import { holdsLease } from '../db/lease.ts'
import type { Db } from '../db/db.ts'
import { openDb } from '../db/pg-db.ts'
import type { Jobs } from '../maintain/index.ts'
import {
  Alerting,
  createActions,
  createAlerts,
  listProbes,
  type AlertMessage,
  type Alerts,
  type Collectors,
  type Watching,
} from '../watch/index.ts'

export interface AlertTools {
  /** What people ask by. */
  readonly db: Db
  readonly watch: Watching | undefined
  readonly jobs: Pick<Jobs, 'runNow'>
  readonly collectors?: Collectors | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface ConfiguredAlerts {
  readonly alerts: Alerts
  /** Where `watch` is declared. `onAlert` is told of what goes into the log. */
  start(onAlert?: (message: AlertMessage) => void): void
  /** Ends what is under way. Idempotent. */
  stop(): Promise<void>
}

/** One look, one action inside the database, and reports. */
const connections = 3
const answerTimeoutMs = 30_000

export function createConfiguredAlerts(config: ResolvedConfig, tools: AlertTools): ConfiguredAlerts {
  const { alerts: settings, watch: watched } = config
  const { db, watch, clock } = tools
  let running: { readonly alerting: Alerting; readonly db: Db } | undefined
  return {
    alerts: createAlerts({
      db,
      rules: settings.rules,
      clock,
      rawMs: watched?.rawMs,
      everyMs: (metric) => intervalOf(metric, watched?.every),
    }),
    start: (onAlert) => {
      if (watch === undefined || running !== undefined) return
      running = open(config, { ...tools, watch, onAlert })
      running.alerting.start()
    },
    stop: async () => {
      const stopped = running
      running = undefined
      await stopped?.alerting.stop()
      await stopped?.db.close({ now: true })
    },
  }
}

/** Of the probe that reads it; undefined: none does. */
function intervalOf(metric: string, every: Readonly<Record<string, number | 'off'>> = {}): number | undefined {
  const probe = listProbes().find(({ metrics }) => metrics.some(({ name }) => name === metric))
  const declared = probe === undefined ? undefined : every[probe.name]
  return typeof declared === 'number' ? declared : probe?.everyMs
}

interface OpenTools extends AlertTools {
  readonly watch: Watching
  readonly onAlert: ((message: AlertMessage) => void) | undefined
}

function open(
  { alerts: settings, database }: ResolvedConfig,
  { watch, jobs, collectors, onAlert, clock, random, logger }: OpenTools,
): { readonly alerting: Alerting; readonly db: Db } {
  const { direct: url, connectTimeoutMs } = database
  const applicationName = 'pgstrata alerts'
  const db = openDb({ url, connectTimeoutMs, applicationName, max: connections, answerTimeoutMs })
  const runJob = (name: string): ReturnType<Jobs['runNow']> => jobs.runNow(name)
  const actions = createActions({ db, settings: settings.actions, runJob, collectors, onAlert, clock, logger })
  const alerting = new Alerting({
    db,
    settings,
    actions,
    latest: watch.latest,
    measured: watch.probes.map(({ name, metrics }) => ({ probe: name, metrics })),
    isWatching: () => watch.role === 'measuring',
    confirm: async (tx) => watch.lease !== undefined && (await holdsLease(tx, watch.lease)),
    clock,
    random,
    logger,
  })
  return { alerting, db }
}
