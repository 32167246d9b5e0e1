// What the tests of alerts share: rules in few words, readings that a test sets, the engine and what it leads to on a database.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger, type Logger } from '../../../src/base/logger.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { Latest } from '../../../src/watch/model/latest.ts'
import type { Metric } from '../../../src/watch/model/metric.ts'
import type { Rule } from '../../../src/watch/model/rule.ts'
import { createActions } from '../../../src/watch/rules/actions/index.ts'
import type { JobEnd } from '../../../src/watch/rules/actions/job.ts'
import { Dispatcher } from '../../../src/watch/rules/dispatcher.ts'
import { AlertEngine } from '../../../src/watch/rules/engine.ts'
import { knownMetrics } from '../../../src/watch/rules/known-metrics.ts'
import type { ActionSettings } from '../../../src/watch/rules/options.ts'
import { completeRule, type RuleOptions } from '../../../src/watch/rules/rule-options.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import type { TestDatabase } from '../../support/postgres.ts'
import { seed } from '../../support/property.ts'

export async function install({ db }: TestDatabase): Promise<void> {
  await db.withSession(async (session) => void (await ensureInstalled(session)))
}

/** No alert, no action, no silence is left. */
export async function forget(db: Db): Promise<void> {
  await db.query(sql`truncate pgstrata.alert, pgstrata.alert_action, pgstrata.alert_silence`)
}

export function ruleOf(options: Partial<RuleOptions> & { readonly name?: string } = {}): Rule {
  const { name = 'Tested', ...rest } = options
  return completeRule(name, { metric: 'pgstrata_blocked_sessions', over: 10, clear: 5, ...rest })
}

/** Readings as a sampler would note them: each metric by a probe of its own name. */
export class Readings {
  readonly latest: Latest
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.latest = new Latest(clock)
  }

  /** All series of the metric, by their labels as JSON; what is left out is gone. */
  set(metric: string, values: Readonly<Record<string, number>>, node = 'primary'): void {
    const described: Metric = {
      name: metric,
      help: '',
      kind: metric.endsWith('_total') ? 'counter' : 'gauge',
      labels: knownMetrics[metric] ?? [],
      most: 1_000,
    }
    const atMs = this.#clock.now()
    this.latest.note({
      state: {
        node,
        probe: metric,
        atMs,
        everyMs: 10_000,
        tookMs: 1,
        unavailable: undefined,
        failure: undefined,
        detail: { seen: values },
      },
      series: Object.entries(values).map(([labels, value]) => ({
        node,
        metric: described,
        atMs,
        value,
        labels: JSON.parse(labels) as string[],
        perSecond: described.kind === 'counter' ? value : undefined,
      })),
    })
  }
}

export interface WorldOptions {
  readonly rules: readonly Rule[]
  readonly actions?: readonly ActionSettings[]
  readonly groupMs?: number
  readonly logger?: Logger
  readonly runJob?: (name: string) => Promise<JobEnd>
  readonly confirm?: () => Promise<boolean>
}

export interface World {
  readonly clock: FakeClock
  readonly readings: Readings
  readonly engine: AlertEngine
  readonly dispatcher: Dispatcher
  /** Sets the one value, looks, and does what is due. */
  readonly look: (value: number) => Promise<void>
}

export function createWorld(db: Db, options: WorldOptions): World {
  const { rules, actions: settings = [], groupMs = 0, logger = silentLogger } = options
  const clock = fakeClock()
  const readings = new Readings(clock)
  const runJob = options.runJob ?? (() => Promise.resolve({ state: 'done', did: 'ran' }))
  // Actions end by real time, alerts by the test's.
  const actions = createActions({ db, settings, runJob, clock: systemClock, logger })
  const engine = new AlertEngine({
    db,
    settings: { rules, groupMs, historyMs: 90 * 86_400_000 },
    latest: readings.latest,
    measured: Object.keys(knownMetrics).map((name) => ({ probe: name, metrics: [{ name }] })),
    hearing: actions.flatMap(({ name, hears }) => (hears.includes('resolved') ? [name] : [])),
    clock,
    logger,
    confirm: options.confirm,
  })
  const dispatcher = new Dispatcher({
    db,
    actions,
    clock: { ...systemClock, now: () => clock.now() },
    random: seededRandom(seed),
    logger,
  })
  onTestFinished(() => dispatcher.stop())
  return {
    clock,
    readings,
    engine,
    dispatcher,
    look: async (value) => {
      readings.set('pgstrata_blocked_sessions', { '[]': value })
      await engine.tick()
      await dispatcher.round()
      await dispatcher.idle()
    },
  }
}

export interface Told {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Receiver {
  readonly url: string
  readonly told: Told[]
}

/** A web address that notes what it is told, and answers as it is said to. Closed with the test. */
export async function openReceiver(
  answer: (response: ServerResponse, count: number) => void = (response) => void response.end('thanks'),
): Promise<Receiver> {
  const told: Told[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      told.push({ headers: request.headers, body })
      answer(response, told.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`, told }
}

export interface StoredAction {
  readonly rule: string
  readonly event: string
  readonly action: string
  readonly state: string
  readonly attempts: number
  readonly failure: string | null
  readonly message: string | null
}

export async function readActions(db: Db): Promise<readonly StoredAction[]> {
  const { rows } = await db.query<StoredAction>(sql`
    select a.rule, x.event, x.action, x.state, x.attempts, x.failure, x.message::text as message
    from pgstrata.alert_action x
    join pgstrata.alert a on a.id = x.alert_id
    order by a.id, x.event, x.action`)
  return rows
}

export async function readStates(db: Db): Promise<readonly string[]> {
  const { rows } = await db.query<{ said: string }>(sql`
    select rule || ' ' || node || ' ' || series || ' ' || state as said
    from pgstrata.alert
    order by id`)
  return rows.map(({ said }) => said)
}
