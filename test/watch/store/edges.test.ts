// What is read of the store at the ends of a stretch, against all rows that were written: of statements and load just the stretch, and
// whole hours only where the rows of an end are gone; of series whole steps.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { sql } from '../../../src/sql/sql.ts'
import { readLoad, readSeries, readStatements, stepMsOf, type ReadTools } from '../../../src/watch/store/read.ts'
import { describeOnWatched, strataOf } from '../support.ts'
import { checkProperty } from '../../support/property.ts'

const minuteMs = 60_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const days = 3
const metric = 'pgstrata_test_total'

/** Minutes after the beginning, and what was added in them. */
const random = seededRandom(7)
const rows = Array.from({ length: 1_500 }, () => ({
  minute: Math.floor(random() * days * 24 * 60),
  added: 1 + Math.floor(random() * 9),
}))

describeOnWatched('the ends of a stretch', (_version, database) => {
  // Partitions are there from today on.
  const baseMs = Math.floor(Date.now() / dayMs) * dayMs
  const sumBetween = (fromMs: number, toMs: number): number =>
    rows.reduce((sum, { minute, added }) => {
      const atMs = baseMs + minute * minuteMs
      return atMs >= fromMs && atMs < toMs ? sum + added : sum
    }, 0)

  test('no row is left out, counted twice, or taken from beyond', { timeout: 60_000 }, async () => {
    const { db, url } = database()
    const values = sql`
        from unnest(${rows.map(({ minute }) => (baseMs + minute * minuteMs) / 1_000)}::float8[], ${rows.map(({ added }) => added)}::float8[]) as r (at, n)`
    await db.query(sql`
        insert into pgstrata.watch_statement
        select to_timestamp(at), 'primary', 7, n, n, 0, 0, 0, 0, 0, 0, 0 ${values}`)
    await db.query(sql`
        insert into pgstrata.watch_session select to_timestamp(at), 'primary', 'IO', 'DataFileRead', 7, n ${values}`)
    await db.query(sql`
        insert into pgstrata.watch_metric select to_timestamp(at), 'primary', ${metric}::text, '[]', n ${values}`)
    const strata = strataOf(url)
    for (const { name } of strata.rollup.declared) {
      await strata.rollup.fill(name)
      await strata.rollup.merge(name)
    }
    await strata.close()
    const moment = fc.integer({ min: 0, max: days * dayMs }).map((ms) => baseMs + ms)
    await checkProperty(
      'stretches that are read',
      fc.tuple(
        moment,
        moment,
        fc.integer({ min: 0, max: days * 24 + 3 }),
        fc.constantFrom(undefined, 5 * minuteMs, 90 * minuteMs, 3 * hourMs),
      ),
      async ([one, other, rawHours, stepMs]) => {
        const [fromMs, toMs] = [Math.min(one, other), Math.max(one, other)]
        const nowMs = baseMs + days * dayMs + 2 * hourMs
        const tools: ReadTools = { on: db, nowMs, rawMs: rawHours * hourMs }
        const isThere = (atMs: number): boolean => atMs >= nowMs - rawHours * hourMs
        const isWhole = toMs - fromMs <= 2 * dayMs && isThere(fromMs)
        const lower = isThere(fromMs) ? fromMs : Math.floor(fromMs / hourMs) * hourMs
        const upper = isWhole || isThere(Math.floor(toMs / hourMs) * hourMs) ? toMs : Math.ceil(toMs / hourMs) * hourMs
        const stretch = { from: new Date(fromMs), to: new Date(toMs) }
        const calls = (await readStatements(stretch, tools)).reduce((sum, found) => sum + found.calls, 0)
        expect(calls).toBe(sumBetween(lower, upper))
        const load = (await readLoad(stretch, tools)).reduce((sum, { sessions }) => sum + sessions, 0)
        expect(load * Math.max(1, (upper - lower) / 1_000)).toBeCloseTo(sumBetween(lower, upper), 5)
        const query = { ...stretch, metric, stepMs }
        const step = stepMsOf(query, tools)
        const [series] = await readSeries(query, tools)
        for (const { atMs, value } of series?.points ?? []) {
          expect((value * step) / 1_000).toBeCloseTo(sumBetween(atMs, atMs + step), 5)
        }
        const told = (series?.points ?? []).reduce((sum, { value }) => sum + (value * step) / 1_000, 0)
        expect(told).toBeCloseTo(sumBetween(Math.floor(fromMs / step) * step, Math.ceil(toMs / step) * step), 5)
      },
      { runs: 60 },
    )
  })

  test('a counter that is asked each five minutes is read in steps of five, and its rate is that of all of them', async () => {
    const { db } = database()
    const fromMs = baseMs + 12 * hourMs
    for (let reading = 0; reading < 6; reading++) {
      await db.query(sql`
          insert into pgstrata.watch_metric
          values (to_timestamp(${(fromMs + reading * 5 * minuteMs) / 1_000}::float8), 'primary', 'pgstrata_seldom_total', '[]', 600)`)
    }
    const tools: ReadTools = { on: db, nowMs: fromMs + hourMs, rawMs: dayMs, everyMs: () => 5 * minuteMs }
    const query = { metric: 'pgstrata_seldom_total', from: new Date(fromMs), to: new Date(fromMs + 30 * minuteMs) }
    expect(stepMsOf(query, tools)).toBe(5 * minuteMs)
    const [series] = await readSeries(query, tools)
    expect(series?.points.map(({ value }) => value)).toEqual([2, 2, 2, 2, 2, 2])
  })
})
