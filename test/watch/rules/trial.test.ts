// A rule tried on what was measured: the same episodes as if it had been looked at then, from what is kept of that time.

import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { resolveConfig } from '../../../src/config/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { openStrata } from '../../../src/strata.ts'
import { createAlerts } from '../../../src/watch/rules/facade.ts'
import { ratesOf } from '../../../src/watch/rules/past.ts'
import { replay, type PastReading } from '../../../src/watch/rules/replay.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { ruleOf } from './support.ts'

const minute = 60_000

function readingsOf(values: readonly (number | undefined)[], everyMs = minute): readonly PastReading[] {
  return values.flatMap((value, index) =>
    value === undefined ? [] : [{ node: 'primary', series: '[]', atMs: index * everyMs, value }],
  )
}

describe('replaying', () => {
  const rule = ruleOf({ over: 10, clear: 5, forMs: 2 * minute, keepMs: minute })

  test('finds each episode, with its beginning, its end and its worst', () => {
    const readings = readingsOf([0, 11, 12, 30, 11, 7, 4, 4, 0, 0, 11, 0, 0, 11, 11, 11])
    expect(replay(rule, readings, 16 * minute)).toEqual([
      { node: 'primary', series: '[]', beganMs: minute, firedMs: 3 * minute, resolvedMs: 7 * minute, worst: 30 },
      { node: 'primary', series: '[]', beganMs: 13 * minute, firedMs: 15 * minute, resolvedMs: undefined, worst: 11 },
    ])
  })

  test('between two readings time passes: what has to last for a minute fires after one', () => {
    const readings = readingsOf([0, 11, 11, 0, 0], 5 * minute)
    expect(replay(rule, readings, 25 * minute)).toMatchObject([
      { beganMs: 5 * minute, firedMs: 7 * minute, resolvedMs: 16 * minute },
    ])
  })

  test('what lasts from reading to reading has lasted, however seldom it is read', () => {
    const hour = 60 * minute
    const readings = readingsOf([0, 11, 11, 11, 0, 0, 0, 0, 0, 0], hour)
    const slow = ruleOf({ over: 10, clear: 5, forMs: 2.5 * hour, keepMs: 1.5 * hour })
    expect(replay(slow, readings, 10 * hour)).toMatchObject([
      { beganMs: hour, firedMs: 3.5 * hour, resolvedMs: 5.5 * hour },
    ])
  })

  test('a hole of which nothing is known is no part of it', () => {
    const readings = readingsOf([11, ...Array.from({ length: 30 }, () => undefined), 11, 11])
    expect(replay(ruleOf({ over: 10, forMs: 10 * minute }), readings, 33 * minute)).toEqual([])
  })

  test('each series for itself', () => {
    const other = readingsOf([0, 0, 11, 11, 11]).map((reading) => ({ ...reading, series: '["x"]' }))
    const both = [...readingsOf([11, 11, 11, 0]), ...other].toSorted((a, b) => a.atMs - b.atMs)
    expect(replay(rule, both, 5 * minute).map(({ series, firedMs }) => [series, firedMs])).toEqual([
      ['[]', 2 * minute],
      ['["x"]', 4 * minute],
    ])
  })

  test('a counter adds nothing where nothing is written of it', () => {
    const added = [0, 1, 7].map((index) => ({ node: 'primary', series: '[]', atMs: index * minute, value: 6 }))
    expect(ratesOf(added, minute).map(({ atMs, value }) => [atMs / minute, value])).toEqual([
      [0, 0.1],
      [1, 0.1],
      [2, 0],
      [7, 0.1],
      [8, 0],
    ])
    const deadlocks = ruleOf({ metric: 'pgstrata_deadlocks_total', over: 0, clear: 0, keepMs: 2 * minute })
    expect(replay(deadlocks, ratesOf(added, minute), 20 * minute)).toMatchObject([
      { firedMs: 0, resolvedMs: 4 * minute },
      { firedMs: 7 * minute, resolvedMs: 10 * minute },
    ])
  })
})

test('of what is read once in five minutes, what was added is divided by that, and it is no less in between', () => {
  const at = (minutes: readonly number[]): readonly PastReading[] =>
    minutes.map((index) => ({ node: 'primary', series: '[]', atMs: index * minute, value: 300 }))
  // A reading every five minutes, now in this minute, now in the next.
  expect(ratesOf(at([0, 5, 11, 16, 25]), 5 * minute).map(({ atMs, value }) => [atMs / minute, value])).toEqual([
    [0, 1],
    [5, 1],
    [11, 1],
    [16, 1],
    [21, 0],
    [25, 1],
    [30, 0],
  ])
})

describeOnEachVersion(
  'a trial',
  (_version, database) => {
    const clock = fakeClock()
    const nowMs = clock.now()

    beforeEach(async () => {
      await database().db.query(sql`truncate pgstrata.watch_metric`)
    })

    const measure = async (
      metric: string,
      values: readonly number[],
      { node = 'primary', labels = '[]' } = {},
    ): Promise<void> => {
      const fromMs = nowMs - values.length * minute
      await database().db.query(sql`
        insert into pgstrata.watch_metric (at, node, metric, labels, value)
        select to_timestamp(${fromMs}::float8 / 1000 + 60 * (i - 1)), ${node}, ${metric}, ${labels}, v
        from unnest(${values}::float8[]) with ordinality as u (v, i)`)
    }

    test('says when a declared rule would have fired, of which series, and for how long', async () => {
      const { db } = database()
      const rule = ruleOf({
        metric: 'pgstrata_connections',
        where: { state: 'active' },
        over: 80,
        clear: 70,
        forMs: minute,
        keepMs: minute,
      })
      await measure('pgstrata_connections', [10, 90, 95, 99, 60, 60, 60], { labels: '["active"]' })
      await measure('pgstrata_connections', [99, 99, 99, 99, 99, 99, 99], { labels: '["idle"]' })
      const alerts = createAlerts({ db, rules: [rule], clock })
      const trial = await alerts.tryRule('Tested', { fromMs: nowMs - 3_600_000, toMs: nowMs })
      const iso = (minutesAgo: number): string => new Date(nowMs - minutesAgo * minute).toISOString()
      expect(trial).toEqual({
        rule: 'Tested',
        from: iso(60),
        to: iso(0),
        readings: 7,
        series: 1,
        alerts: [
          {
            node: 'primary',
            labels: { state: 'active' },
            beganAt: iso(6),
            firedAt: iso(5),
            resolvedAt: iso(2),
            worst: 99,
            lastedMs: 3 * minute,
          },
        ],
      })
    })

    test('of a counter that is read once in five minutes, judges by what was added in five', async () => {
      const { db } = database()
      const metric = 'pgstrata_table_sequential_scans_total'
      const labels = '["public","plays"]'
      const fromMs = nowMs - 60 * minute
      await db.query(sql`
        insert into pgstrata.watch_metric (at, node, metric, labels, value)
        select to_timestamp(${fromMs}::float8 / 1000 + 300 * i), 'primary', ${metric}, ${labels}, case when i between 4 and 6 then 1500 else 300 end
        from generate_series(0, 11) as i`)
      const tried = async (over: number, everyMs?: number): Promise<readonly unknown[]> => {
        const rule = ruleOf({ metric, over, forMs: 6 * minute })
        const alerts = createAlerts({ db, rules: [rule], clock, everyMs: () => everyMs })
        return (await alerts.tryRule('Tested', { fromMs, toMs: nowMs })).alerts
      }
      expect(await tried(2, 5 * minute)).toMatchObject([
        { beganAt: new Date(fromMs + 20 * minute).toISOString(), worst: 5, lastedMs: expect.any(Number) as number },
      ])
      expect(await tried(6, 5 * minute)).toEqual([])
    })

    test('a declared interval counts, and that of the probe where none is', async () => {
      const { db, url } = database()
      const metric = 'pgstrata_table_sequential_scans_total'
      await db.query(sql`
        insert into pgstrata.watch_metric (at, node, metric, labels, value)
        select date_trunc('minute', now()) - 10 * i * interval '1 minute', 'primary', ${metric}, '["public","plays"]', 600
        from generate_series(1, 4) as i`)
      const worst = async (watch: object): Promise<number | null | undefined> => {
        const rules = { Read: { metric, over: 0 } }
        const config = resolveConfig(
          { database: { primary: url }, watch, alerts: { rules } },
          { root: '/', name: 'test' },
        )
        const strata = openStrata(config)
        onTestFinished(() => strata.close())
        const toMs = Date.now()
        return (await strata.alerts.tryRule('Read', { fromMs: toMs - 60 * minute, toMs })).alerts[0]?.worst
      }
      expect(await worst({})).toBe(2)
      expect(await worst({ every: { tables: '10 min' } })).toBe(1)
    })

    test('of what is kept by hour alone, judges by hours', async () => {
      const { db } = database()
      await db.query(sql`
        create table if not exists pgstrata.watch_metric_hourly (
          bucket timestamptz, node text, metric text, labels text, sum float8, n bigint, least float8, most float8
        )`)
      const metric = 'pgstrata_blocked_sessions'
      await db.query(sql`
        insert into pgstrata.watch_metric_hourly
        select to_timestamp(${nowMs - 48 * 3_600_000}::float8 / 1000) + i * interval '1 hour', 'primary', ${metric}, '[]',
          case when i between 3 and 5 then 1200 else 0 end, 60, 0, 0
        from generate_series(0, 23) as i`)
      await measure(metric, [12, 12, 12])
      const alerts = createAlerts({ db, rules: [ruleOf()], clock, rawMs: 24 * 3_600_000 })
      const { alerts: found } = await alerts.tryRule('Tested', { fromMs: nowMs - 48 * 3_600_000, toMs: nowMs })
      expect(found).toMatchObject([
        { worst: 20, lastedMs: 3 * 3_600_000 + minute },
        { worst: 12, resolvedAt: null },
      ])
    })

    test('of a rule or a time that there is not is refused', async () => {
      const { db } = database()
      const alerts = createAlerts({ db, rules: [ruleOf()], clock })
      await expect(alerts.tryRule('Testde', { fromMs: 0, toMs: 1 })).rejects.toMatchObject({
        code: 'ALERT_RULE_UNKNOWN',
      })
      await expect(alerts.tryRule('Tested', { fromMs: 1, toMs: 1 })).rejects.toMatchObject({ code: 'USAGE' })
    })
  },
  async ({ db }) => {
    await db.withSession(async (session) => void (await ensureInstalled(session)))
    await db.query(sql`create table pgstrata.watch_metric_now partition of pgstrata.watch_metric default`)
  },
)
