// The rules of the original design, each with a fault that is really there: a query that is slow, statements that fail, a cache that misses, a
// pool without a connection to give. Each alert fires once and is over once. Thresholds are those of the configuration; that they have to
// last for minutes is left out, and what applications tell every ten seconds they tell five times as often.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openStrata, resolveConfig, sql, systemClock, type Clock, type Strata } from 'pgstrata'
import config from '../../../examples/sessions/pgstrata.config.ts'
import { createQuery } from '../../../examples/sessions/src/db/query.ts'
import { folder } from '../../../examples/sessions/src/strata.ts'
import { findUser } from '../../../examples/sessions/src/users/store.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { intervals, listen, readAlerts, waitForReadings, type StoredAlert } from '../../watch/faults/support.ts'
import { template } from './service-support.ts'

const { rules } = config.alerts
type RuleName = keyof typeof rules

const hurried: Clock = { ...systemClock, after: (delayMs, work) => systemClock.after(delayMs / 5, work) }
/** A look or two confirm what lasts. A counter moves once with each telling of an application: over at one look, and not at the next. */
const quickly = (rule: string): object =>
  rule === 'PoolExhausted' ? { for: 0, keep: '5s' } : { for: '1s', keep: '1s' }

let database: TestDatabase
let daemon: Strata
const opened: Strata[] = []
const { told, onAlert } = listen()

function open(pool: object = {}, tools: { readonly clock?: Clock } = {}): Strata {
  const { redis: _, ...cache } = { redis: '', ...config.cache }
  const resolved = resolveConfig<unknown>(
    {
      ...config,
      database: {
        ...config.database,
        primary: database.url,
        pool: { ...config.database.pool, min: 0, connectTimeout: '30s', ...pool },
      },
      cache,
      watch: { every: intervals },
      alerts: {
        every: '1s',
        group: '0s',
        rules: Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, { ...rule, ...quickly(name) }])),
      },
      expect: {},
    },
    { root: folder, name: 'pgstrata.config.ts' },
  )
  const strata = openStrata(resolved, tools) as Strata
  opened.push(strata)
  return strata
}

beforeAll(async () => {
  database = await testDatabase(18, { template: await template(18) })
  daemon = open()
  await daemon.apply()
  await daemon.start({ jobs: true, onAlert })
  await waitForReadings(daemon, 2)
}, 60_000)
afterAll(async () => {
  await Promise.all(opened.map((strata) => strata.close()))
  await database.close()
})

interface Fault {
  readonly begin: () => Promise<() => Promise<unknown>>
  /** Of several shapes or processes, the one that the fault is in. */
  readonly label?: string
}

/** What an application saw of its calls is told when it closes; that a minute goes by is told to the table. */
async function call(work: (app: Strata) => Promise<unknown>): Promise<() => Promise<unknown>> {
  const app = open()
  await work(app)
  await app.close()
  const age = (seconds: number): Promise<unknown> =>
    database.db.query(sql`update pgstrata.watch_call set at = at - ${seconds} * interval '1 s'`)
  await age(16)
  return () => age(75)
}

const sleep = (seconds: number, name: string): Fault => ({
  label: `work:${name}`,
  begin: () =>
    call(async (app) => await app.monitor.trackQuery(() => app.pool.query('select pg_sleep($1)', [seconds]), name)),
})

const faults: Readonly<Record<RuleName, Fault>> = {
  QueryNoticeable: sleep(0.07, 'noticed'),
  QuerySlow: sleep(0.2, 'slow'),
  ErrorRateHigh: {
    begin: () =>
      call(async (app) => {
        const refused = (): Promise<unknown> => app.pool.query("insert into users (address) values ('0x')")
        for (let failed = 0; failed < 30; failed++) await expect(refused()).rejects.toMatchObject({ code: '23514' })
      }),
  },
  CacheHitRatioLow: {
    begin: async () => {
      const reader = open({}, { clock: hurried })
      const query = createQuery(reader)
      const find = (count: number): Promise<unknown> => findUser(query, `0x${count.toString(16).padStart(40, '0')}`)
      for (let wallet = 0; wallet < 300; wallet++) await find(wallet)
      return async () => {
        for (let again = 0; again < 1_500; again++) await find(7)
      }
    },
  },
  PoolExhausted: {
    begin: async () => {
      const app = open({ max: 2 }, { clock: hurried })
      const held = [await app.pool.connect(), await app.pool.connect()]
      const waiting = Array.from({ length: 4 }, () => app.pool.connect().catch(() => undefined))
      let isOver = false
      const end = async (): Promise<void> => {
        if (isOver) return
        isOver = true
        for (const client of held) client.release()
        for (const client of waiting) (await client)?.release()
      }
      onTestFinished(end)
      return end
    },
  },
}

const names = Object.keys(rules) as RuleName[]
const isAbout =
  (rule: string, label: string | undefined) =>
  (alert: StoredAlert): boolean =>
    alert.rule === rule && (label === undefined || alert.labels.includes(label))

test('each fires once for its fault, and is over once when that is gone', async () => {
  expect((await readAlerts(database.db)).filter(({ rule }) => rule in rules)).toEqual([])
  // Those that are told of all calls together come one after the other: the end of one would end the other.
  const groups: readonly (readonly RuleName[])[] = [
    ['ErrorRateHigh'],
    ['QueryNoticeable', 'QuerySlow', 'CacheHitRatioLow', 'PoolExhausted'],
  ]
  expect(groups.flat().toSorted()).toEqual(names.toSorted())
  for (const group of groups) {
    const ends = await Promise.all(group.map((rule) => faults[rule].begin()))
    const stateOf = async (rule: RuleName): Promise<readonly string[]> =>
      (await readAlerts(database.db)).filter(isAbout(rule, faults[rule].label)).map(({ state }) => state)
    const all = async (state: string): Promise<boolean> =>
      (await Promise.all(group.map(stateOf))).every((states) => String(states) === state)
    await waitUntil(() => all('firing'), { what: `${group.join(', ')} fire`, timeoutMs: 30_000 })
    for (const end of ends) await end()
    await waitUntil(() => all('resolved'), { what: `${group.join(', ')} are over`, timeoutMs: 30_000 })
  }
  const areTold = async (): Promise<boolean> =>
    (await readAlerts(database.db)).every(({ actions }) => actions.every((one) => !one.endsWith(' due')))
  await waitUntil(areTold, { what: 'that all is told', timeoutMs: 30_000 })
  const stored = await readAlerts(database.db)
  for (const rule of names) {
    const { label } = faults[rule]
    const found = stored.filter(isAbout(rule, label))
    expect(found.map(({ actions }) => actions.filter((one) => one.includes(' log ')))).toEqual([
      ['fired log done', 'resolved log done'],
    ])
    const heard = told.filter((one) => one.includes(` ${rule} `) && (label === undefined || one.endsWith(` ${label}`)))
    expect(heard.map((one) => one.split(' ')[0])).toEqual(['fired', 'resolved'])
  }
}, 90_000)

test('the thresholds are those of the original design', () => {
  expect(rules).toMatchObject({
    QueryNoticeable: { over: '50ms' },
    QuerySlow: { over: '100ms', severity: 'warning' },
    ErrorRateHigh: { over: '10%' },
    CacheHitRatioLow: { under: '60%' },
    PoolExhausted: { over: 0 },
  })
  const known = daemon.alerts.rules.filter(({ name }) => name in rules)
  expect(known.map(({ name, over, under }) => [name, over ?? under]).toSorted()).toEqual([
    ['CacheHitRatioLow', 0.6],
    ['ErrorRateHigh', 0.1],
    ['PoolExhausted', 0],
    ['QueryNoticeable', 0.05],
    ['QuerySlow', 0.1],
  ])
})
