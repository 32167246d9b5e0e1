// The store: what is measured becomes rows of minutes and hours, written under the lease alone, and waits, bounded, while it cannot be written.

import { beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/logger.ts'
import { acquireLease, type Lease } from '../../../src/db/lease.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { watchRollups } from '../../../src/strata/watch-tables.ts'
import type { Metric, Point, Reading } from '../../../src/watch/index.ts'
import { readLoad, readSeries, readStatements, readStoreBytes } from '../../../src/watch/store/read.ts'
import { StoreWriter } from '../../../src/watch/store/writer.ts'
import type { Taken } from '../../../src/watch/sampler/taken.ts'
import { fakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { describeOnWatched, run, strataOf } from '../support.ts'

const gauge: Metric = { name: 'pgstrata_test', help: '', kind: 'gauge', labels: ['of'], most: 10 }
const counter: Metric = { name: 'pgstrata_test_total', help: '', kind: 'counter', labels: ['of'], most: 10 }
const hourMs = 3_600_000

interface Told extends Partial<Reading> {
  readonly gauges?: Readonly<Record<string, number>>
  readonly perSecond?: Readonly<Record<string, number>>
}

function takenAt(clock: FakeClock, { gauges = {}, perSecond = {}, detail, ...more }: Told, node = 'primary'): Taken {
  const series = (metric: Metric, values: Readonly<Record<string, number>>): Taken['series'] =>
    Object.entries(values).map(([of, value]) => ({
      node,
      metric,
      labels: [of],
      value,
      perSecond: metric.kind === 'counter' ? value : undefined,
      atMs: clock.now(),
    }))
  const points: readonly Point[] = []
  return {
    state: {
      node,
      probe: 'test',
      atMs: clock.now(),
      everyMs: 15_000,
      tookMs: 1,
      unavailable: undefined,
      failure: undefined,
      detail,
    },
    series: [...series(gauge, gauges), ...series(counter, perSecond)],
    reading: { points, ...more },
    elapsedSeconds: 15,
  }
}

const statement = {
  calls: 2,
  execMs: 10,
  planMs: 0,
  rows: 2,
  blocksHit: 5,
  blocksRead: 1,
  tempBlocks: 0,
  ioMs: 0.5,
  walBytes: 0,
}

describeOnWatched('the store', (_version, database) => {
  let clock: FakeClock
  let lease: Lease | undefined
  const minute = (): number => Math.floor(clock.now() / 60_000) * 60_000
  const tools = (db: Db) => ({ on: db, nowMs: clock.now() })

  beforeEach(async () => {
    const { db } = database()
    // Partitions are there from today on.
    clock = fakeClock(Math.floor(Date.now() / hourMs) * hourMs)
    await run(
      db,
      'truncate pgstrata.watch_metric, pgstrata.watch_statement, pgstrata.watch_session, pgstrata.watch_query',
    )
    lease = await acquireLease(db, { name: 'watch', holder: 'test', durationMs: 600_000 })
  })

  const writerOf = (db: Db, more: { readonly mostWaiting?: number } = {}): StoreWriter =>
    new StoreWriter({ db, lease: () => lease, clock, logger: silentLogger, keptMs: 90 * 24 * hourMs, ...more })

  test('of a gauge a minute is its mean, of a counter what was added, and nothing where nothing was', async () => {
    const { db } = database()
    const writer = writerOf(db)
    for (const value of [1, 2, 6, 7]) {
      writer.take(takenAt(clock, { gauges: { a: value, 'b "c"': 0 }, perSecond: { a: 2, still: 0 } }))
      clock.advance(15_000)
    }
    writer.take(takenAt(clock, { gauges: { a: 100 } }))
    expect(await writer.flush()).toBe(3)
    const { rows } = await db.query(sql`select metric, labels, value from pgstrata.watch_metric order by 1, 2`)
    expect(rows).toEqual([
      { metric: 'pgstrata_test', labels: '["a"]', value: 4 },
      { metric: 'pgstrata_test', labels: '["b \\"c\\""]', value: 0 },
      { metric: 'pgstrata_test_total', labels: '["a"]', value: 120 },
    ])
    expect(await writer.flush()).toBe(0)
    expect(await writer.flush('all')).toBe(1)
  })

  test('what is read back is by step, of hours as of minutes', async () => {
    const { db, url } = database()
    const writer = writerOf(db)
    const fromMs = clock.now()
    for (let index = 0; index < 8; index++) {
      writer.take(takenAt(clock, { gauges: { a: index, b: 1 }, perSecond: { a: 4 } }))
      clock.advance(15_000)
    }
    await writer.flush('all')
    const strata = strataOf(url)
    for (const { name } of strata.rollup.declared) await strata.rollup.fill(name)
    await strata.rollup.merge('watch_metric_hourly')
    await strata.close()
    const stretch = { from: new Date(fromMs), to: new Date(fromMs + 120_000), labels: ['a'] }
    expect(await readSeries({ ...stretch, metric: 'pgstrata_test' }, tools(db))).toEqual([
      {
        node: 'primary',
        labels: ['a'],
        points: [
          { atMs: fromMs, value: 1.5, least: 1.5, most: 1.5 },
          { atMs: fromMs + 60_000, value: 5.5, least: 5.5, most: 5.5 },
        ],
      },
    ])
    const [rate] = await readSeries({ ...stretch, metric: 'pgstrata_test_total', stepMs: 120_000 }, tools(db))
    expect(rate?.points).toMatchObject([{ value: 4 }])
    // Long ago, by the clock of who asks: from the rollup.
    const later = { on: db, nowMs: fromMs + 100 * 24 * hourMs }
    const [hours] = await readSeries({ ...stretch, to: new Date(fromMs + hourMs), metric: 'pgstrata_test' }, later)
    expect(hours?.points).toEqual([{ atMs: fromMs, value: 3.5, least: 1.5, most: 5.5 }])
    expect(await readSeries({ ...stretch, node: 'other', metric: 'pgstrata_test' }, tools(db))).toEqual([])
  })

  test('statements are read with their text, their mean and their share; sessions as the load of the stretch', async () => {
    const { db } = database()
    const writer = writerOf(db)
    const fromMs = clock.now()
    writer.take(
      takenAt(clock, {
        statements: [
          { queryid: '-9007199254740993', ...statement, calls: 10, execMs: 300 },
          { queryid: '0', ...statement, calls: 5, execMs: 100 },
        ],
        texts: [{ queryid: '-9007199254740993', text: 'select $1' }],
      }),
    )
    clock.advance(60_000)
    writer.take(takenAt(clock, { sessions: [{ waitType: 'IO', wait: 'DataFileRead', queryid: '7', samples: 30 }] }))
    await writer.flush('all')
    const stretch = { from: new Date(fromMs), to: new Date(fromMs + 60_000) }
    const found = await readStatements(stretch, tools(db))
    expect(found).toMatchObject([
      { queryid: '-9007199254740993', text: 'select $1', calls: 10, meanMs: 30, share: 0.75 },
      { queryid: '0', text: null, share: 0.25 },
    ])
    expect(await readStatements({ ...stretch, orderBy: 'mean', limit: 1, queryid: '0' }, tools(db))).toHaveLength(1)
    expect(await readLoad(stretch, tools(db))).toEqual([{ waitType: 'IO', wait: 'DataFileRead', sessions: 0.5 }])
    expect(await readLoad({ ...stretch, queryid: '8' }, tools(db))).toEqual([])
  })

  test('who has lost the lease writes nothing', async () => {
    const { db } = database()
    const writer = writerOf(db)
    writer.take(takenAt(clock, { gauges: { a: 1 } }))
    await run(db, `update pgstrata.lease set holder = 'another', fence = fence + 1 where name = 'watch'`)
    try {
      expect(await writer.flush('all')).toBe(0)
      expect(writer.dropped).toBe(1)
      const { rows } = await db.query(sql`select from pgstrata.watch_metric`)
      expect(rows).toEqual([])
    } finally {
      await run(db, `delete from pgstrata.lease where name = 'watch'`)
    }
  })

  test('a lease that ran out, and that nobody has taken, drops nothing: rows wait until it is taken up again', async () => {
    const { db } = database()
    const writer = writerOf(db)
    writer.take(takenAt(clock, { gauges: { a: 1 } }))
    await run(db, `update pgstrata.lease set expires_at = '-infinity' where name = 'watch'`)
    expect(await writer.flush('all')).toBe(0)
    expect([writer.waiting, writer.dropped]).toEqual([1, 0])
    await run(db, `update pgstrata.lease set expires_at = 'infinity' where name = 'watch'`)
    expect(await writer.flush('all')).toBe(1)
    expect([writer.waiting, writer.dropped]).toEqual([0, 0])
  })

  test('while the database is away rows wait, the oldest are dropped and counted, and the rest is written later', async () => {
    const { url, db } = database()
    const away = openDb({ url: 'postgres://nobody@127.0.0.1:1/none', max: 1, connectTimeoutMs: 500 })
    let on = away
    const writer = writerOf(
      { ...db, query: (one) => on.query(one), withSession: (work) => on.withSession(work) },
      { mostWaiting: 5 },
    )
    for (let index = 0; index < 8; index++) {
      writer.take(takenAt(clock, { gauges: { a: index } }))
      clock.advance(60_000)
    }
    await expect(writer.flush()).rejects.toThrow('Cannot connect')
    expect(writer.waiting).toBe(5)
    expect(writer.dropped).toBe(3)
    on = openDb({ url, max: 1 })
    expect(await writer.flush()).toBe(5)
    await on.close()
    await away.close()
    const { rows } = await db.query<{ value: number }>(sql`select value from pgstrata.watch_metric order by at`)
    expect(rows.map(({ value }) => value)).toEqual([3, 4, 5, 6, 7])
    expect(writer.waiting).toBe(0)
  })

  test('what sessions call themselves keeps nothing from being stored: whatever they write, jsonb takes it', async () => {
    const { db } = database()
    const names = ['\0', String.raw`x\u0000q`, String.raw`\u0000`, '\uD800', '"\\', 'Jürgen 🎵']
    const writer = writerOf(db)
    writer.take(takenAt(clock, { gauges: Object.fromEntries(names.map((name) => [name, 1])), detail: { names } }))
    expect(await writer.flush('all')).toBe(names.length)
    const { rows } = await db.query<{ names: string[]; series: number }>(
      sql`select detail -> 'names' as names, jsonb_array_length(series) as series from pgstrata.watch_now where node = 'primary' and probe = 'test'`,
    )
    expect(rows).toEqual([
      {
        names: ['', String.raw`x\u0000q`, String.raw`\u0000`, '\uFFFD', '"\\', 'Jürgen 🎵'],
        series: names.length,
      },
    ])
  })

  test('texts that nobody sends any more go', async () => {
    const { db } = database()
    await run(
      db,
      `insert into pgstrata.watch_query values (1, 'old', now() - interval '91 days'), (2, 'young', now() - interval '80 days')`,
    )
    const writer = writerOf(db)
    writer.take(takenAt(clock, { gauges: { a: 1 }, texts: [{ queryid: '2', text: 'young' }] }))
    await writer.flush('all')
    const { rows } = await db.query(
      sql`select queryid::int as queryid, seen_at > now() - interval '1 minute' as seen from pgstrata.watch_query`,
    )
    expect(rows).toEqual([{ queryid: 2, seen: true }])
  })

  test('its size is that of all its tables', async () => {
    const { db } = database()
    const before = await readStoreBytes(db)
    await run(db, `insert into pgstrata.watch_metric select now(), 'n', 'm', '[]', g from generate_series(1, 20000) g`)
    expect(await readStoreBytes(db)).toBeGreaterThan(before + 1_000_000)
    expect(minute()).toBeGreaterThan(0)
  })
})

test('every table of time has a rollup, which outlives its rows', () => {
  const rollups = watchRollups({ hours: '90 days' } as never)
  expect(rollups.map(({ name, retention }) => [name, retention])).toEqual(
    ['watch_metric', 'watch_statement', 'watch_session', 'watch_call'].map((table) => [
      `${table}_hourly`,
      { keep: '90 days' },
    ]),
  )
})
