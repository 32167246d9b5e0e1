// What a process saw is stored every ten seconds and at its end, once; what cannot be stored is kept and goes later.

import { describe, expect, onTestFinished, test } from 'vitest'
import { silentLogger, type Logger } from '../../../src/base/logger.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { watchTables } from '../../../src/catalog/schema/watch-tables.ts'
import { queryableOf } from '../../../src/db/own-questions.ts'
import { sql } from '../../../src/sql/sql.ts'
import { createCallFlush, middleOfBinMs, type CallFlush } from '../../../src/watch/index.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { useDatabase, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { openMonitored, type Monitored } from '../monitor/support.ts'

async function prepare({ db }: TestDatabase): Promise<void> {
  await db.query(sql`create schema pgstrata; create table t (id int)`)
  for (const statement of watchTables) await db.query(sql.raw(statement))
  await db.query(sql`
    create table pgstrata.metric_all partition of pgstrata.watch_metric default;
    create table pgstrata.call_all partition of pgstrata.watch_call default`)
}

interface Storing extends Monitored {
  readonly flush: CallFlush
  readonly clock: FakeClock
  readonly warned: string[]
}

describe('a process stores what it saw', () => {
  const database = useDatabase(18, prepare)

  const open = async (): Promise<Storing> => {
    await database().db.query(sql`truncate pgstrata.watch_call, pgstrata.watch_metric, pgstrata.watch_shape`)
    const clock = fakeClock()
    const monitored = openMonitored(database().url)
    const warned: string[] = []
    const logger: Logger = { ...silentLogger, warn: (message) => void warned.push(message) }
    const flush = createCallFlush({
      recorder: monitored.monitor.recorder,
      on: queryableOf(monitored.pool),
      points: () => [
        { metric: 'pgstrata_pool_used_ratio', value: 0.25 },
        { metric: 'pgstrata_cache_hit_ratio', value: Number.NaN },
      ],
      clock,
      random: seededRandom(1),
      logger,
    })
    onTestFinished(() => flush.close())
    return { ...monitored, flush, clock, warned }
  }

  const stored = async (): Promise<readonly { readonly kind: string; readonly calls: number }[]> =>
    (
      await database().db.query<{ kind: string; text: string; node: string; calls: number; errors: number }>(sql`
        select s.kind, s.text, c.node, sum(c.calls)::int as calls, sum(c.errors)::int as errors
        from pgstrata.watch_call c join pgstrata.watch_shape s using (shape)
        group by s.kind, s.text, c.node
        order by s.text`)
    ).rows

  test('by shape and bin, with its gauges, and nothing of it twice', async () => {
    const { pool, monitor, flush } = await open()
    for (let n = 0; n < 5; n++) await pool.query(`select id from t where id = ${n} -- geheim`)
    await expect(pool.query(`select 'geheim'::int`)).rejects.toMatchObject({ code: '22P02' })
    await monitor.trackQuery(() => 1, 'work of mine')
    await flush.flush()
    const expected = [
      { kind: 'statement', text: 'select $1::int', node: 'app', calls: 1, errors: 1 },
      { kind: 'statement', text: 'select id from t where id = $1', node: 'app', calls: 5, errors: 0 },
      { kind: 'work', text: 'work of mine', node: 'app', calls: 1, errors: 0 },
    ]
    expect(await stored()).toEqual(expected)
    await flush.flush()
    expect(await stored()).toEqual(expected)
    await pool.query('select id from t where id = $1', [1])
    await flush.flush()
    expect(await stored()).toMatchObject([{}, { calls: 6 }, {}])
    const { rows } = await database().db.query(sql`
      select node, metric, value, labels like '["%:%"]' as of_a_process, count(distinct labels)::int as processes
      from pgstrata.watch_metric group by 1, 2, 3, 4`)
    expect(rows).toEqual([
      { node: 'app', metric: 'pgstrata_pool_used_ratio', value: 0.25, of_a_process: true, processes: 1 },
    ])
  })

  test('whatever work is called', async () => {
    const { monitor, flush, warned } = await open()
    // The last two are one name where they are stored.
    const names = ['before\0after', `${'x'.repeat(199)}\u{1F3B5}`, 'half \uD83C', 'half \uFFFD']
    for (const name of names) await monitor.trackQuery(() => 1, name)
    await flush.flush()
    expect(warned).toEqual([])
    expect((await stored()).map(({ calls }) => calls).toSorted()).toEqual([1, 1, 2])
    for (const name of names) expect(monitor.getStats(60_000, name).count).toBeGreaterThan(0)
  })

  test('in bins from which durations are read as they were', async () => {
    const { monitor, flush } = await open()
    for (const durationMs of [1, 10, 10, 100]) monitor.recorder.record('select 1', 0, durationMs, null, undefined)
    await flush.flush()
    const { rows } = await database().db.query<{ bin: number; calls: number; seconds: number }>(sql`
      select bin, sum(calls)::int as calls, sum(seconds) as seconds from pgstrata.watch_call group by 1 order by 1`)
    expect(rows.map(({ calls }) => calls)).toEqual([1, 2, 1])
    expect(rows.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(0.121, 9)
    rows.forEach(({ bin }, index) => {
      const exactMs = [1, 10, 100][index] ?? 0
      expect(Math.abs(middleOfBinMs(bin) - exactMs) / exactMs).toBeLessThan(0.045)
    })
  })

  test('by itself, about every ten seconds', async () => {
    const { pool, clock } = await open()
    await pool.query('select id from t')
    clock.advance(8_000)
    expect(await stored()).toEqual([])
    clock.advance(4_000)
    await waitUntil(async () => (await stored()).length === 1, { what: 'the first flush' })
    await pool.query('select id from t')
    await waitUntil(
      async () => {
        clock.advance(1_000)
        return (await stored()).some(({ calls }) => calls === 2)
      },
      { what: 'the second flush' },
    )
  })

  test('later, where it cannot now: the log hears of it once, the application never', async () => {
    const { pool, flush, warned } = await open()
    const { db } = database()
    await pool.query('select id from t')
    await db.query(sql`alter table pgstrata.watch_shape rename to watch_shape_gone`)
    await flush.flush()
    await pool.query('select id from t')
    await flush.flush()
    expect(warned).toEqual(['What statements took cannot be stored; it is kept'])
    await db.query(sql`alter table pgstrata.watch_shape_gone rename to watch_shape`)
    await flush.flush()
    expect(await stored()).toMatchObject([{ text: 'select id from t', calls: 2 }])
  })

  test('at its end, and never after it', async () => {
    const { pool, flush, clock } = await open()
    await pool.query('select id from t')
    await Promise.all([flush.close(), flush.close()])
    expect(await stored()).toMatchObject([{ calls: 1 }])
    await pool.query('select id from t')
    clock.advance(60_000)
    await flush.close()
    expect(await stored()).toMatchObject([{ calls: 1 }])
  })

  test('of sixty shapes fifty, and the others together', async () => {
    const { monitor, flush } = await open()
    const letter = (n: number): string => String.fromCodePoint(97 + n)
    for (let n = 0; n < 60; n++) {
      const table = `${letter(Math.floor(n / 10))}${letter(n % 10)}`
      monitor.recorder.record(`select 1 from ${table}`, 0, n, null, undefined)
    }
    await flush.flush()
    const rows = await stored()
    expect(rows).toHaveLength(51)
    expect(rows.find(({ kind }) => kind === 'other')?.calls).toBe(10)
  })
})
