// What people do to a table and its rollups that nobody planned for: columns that go or change, keys that no index takes, nobody
// who merges, a transaction that is left open, triggers that are switched off, zones half an hour from others.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Db } from '../../src/db/db.ts'
import { contributeRollups } from '../../src/rollups/plan/contribute.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { readRollupStatus } from '../../src/rollups/status.ts'
import { tidyDeltas } from '../../src/rollups/merge/tidy.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstateOf } from '../../src/sql/sqlstate.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const noon = `'2026-03-29 12:00+00'`
const plays = measure('plays', 'count')
const earned = measure('earned', 'sum', { of: 'amount' })

describe.each(versions)('bad input on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.withSession((session) => ensureInstalled(session))
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric, label text)')
  })
  afterEach(() => database.close())

  /** What `apply` does of rollups: each step a transaction. */
  async function declare(...rollups: readonly Rollup[]): Promise<readonly Shape[]> {
    await db.withSession(async (session) => {
      for (let round = 0; round < 3; round++) {
        const { steps } = await contributeRollups(session, rollups)
        for (const { statements } of steps) await run(session, 'begin', ...statements, 'commit')
      }
    })
    return (await readInstalled(db)).map(({ shape }) => shape)
  }
  const findings = async (rollup: Rollup): Promise<readonly string[]> => {
    const [status] = await readRollupStatus(db, [rollup], rollup.name)
    return (status?.findings ?? []).map(({ what }) => what)
  }

  test('a column that goes with all that needs it: the rollup without it is applied, and counts on', async () => {
    await declare(rollupOf({ measures: [plays, earned] }))
    await run(db, `insert into plays values (1, ${noon}, 5)`, 'alter table plays drop column amount cascade')
    const shapes = await declare(rollupOf({ measures: [plays] }))
    await run(db, `insert into plays values (1, ${noon}), (2, ${noon})`, 'delete from plays where song = 2')
    expect(await differences(db, ...shapes)).toEqual([])
    await run(db, 'call pgstrata.merge()')
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('a column changes its type while no rollup uses it, and is counted as what it is by then', async () => {
    const whole = rollupOf({ measures: [plays, earned] })
    await declare(whole)
    await run(db, `insert into plays values (1, ${noon}, 5), (1, ${noon}, 6)`)
    const change = 'alter table plays alter column amount type bigint'
    expect(await run(db, change).catch(sqlstateOf)).toBe('0A000')
    await declare({ ...whole, measures: [plays] })
    await run(db, change)
    const shapes = await declare(whole)
    await run(
      db,
      `insert into plays values (1, ${noon}, 7)`,
      'call pgstrata.merge()',
      'delete from plays where amount = 5',
    )
    expect(await differences(db, ...shapes)).toEqual([])
    expect((await db.query(sql`select earned from song_plays`)).rows).toEqual([{ earned: '13' }])
  })

  test('a key that no index takes: its writer notices nothing, others are merged, and it heals when the row goes', async () => {
    const shapes = await declare(rollupOf({ by: ['label'] }), rollupOf({ name: 'by_song' }))
    const long = `(select string_agg(md5(n::text), '') from generate_series(1, 300) n)`
    await run(db, `insert into plays values (1, ${noon}, 5, 'short')`, 'call pgstrata.merge()')
    await run(db, `insert into plays values (1, ${noon}, 7, ${long}), (2, ${noon}, 8, 'short')`)
    const notices: string[] = []
    const merge = async (): Promise<void> =>
      await db.withSession(async (session) => {
        session.onNotice(({ message }) => void notices.push(message))
        await run(session, 'call pgstrata.merge()')
      })
    await merge()
    expect(notices).toEqual([expect.stringContaining('Rollup song_plays is not merged')])
    const pending = sql`select (select count(*)::int from pgstrata.song_plays_delta) as own, (select count(*)::int from pgstrata.by_song_delta) as others`
    expect((await db.query(pending)).rows).toEqual([{ own: 2, others: 0 }])
    expect(await differences(db, ...shapes)).toEqual([])
    await run(db, 'delete from plays where length(label) > 100')
    expect(await differences(db, ...shapes)).toEqual([])
    await merge()
    expect(notices).toHaveLength(1)
    expect((await db.query(pending)).rows).toEqual([{ own: 0, others: 0 }])
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('nobody merges: reads stay exact, status says so, and one merge takes it all', async () => {
    const rollup = rollupOf()
    const [shape] = await declare(rollup)
    expect.assert(shape !== undefined)
    await run(db, `insert into plays select n, ${noon}, n from generate_series(1, 99999) n`)
    expect(await findings(rollup)).toEqual([])
    await run(db, `insert into plays values (7, ${noon}, 1)`)
    expect(await findings(rollup)).toEqual([expect.stringContaining('100,000 changes or more are pending')])
    const read = sql`select count(*)::int as keys, sum(plays)::int as plays, sum(earned)::float8 as earned, sum(plays) filter (where song = 7)::int as of_7 from song_plays`
    const truth = [{ keys: 99999, plays: 100_000, earned: 4_999_950_001, of_7: 2 }]
    expect((await db.query(read)).rows).toEqual(truth)
    expect(await db.withSession((session) => mergeRollup(session, shape, patience))).toBe(100_000)
    expect(await findings(rollup)).not.toEqual([expect.stringContaining('pending')])
    expect((await db.query(read)).rows).toEqual(truth)
  })

  test('a transaction is left open: merges go on, it reads what it read, and status says what keeps the space', async () => {
    const rollup = rollupOf({ by: ['label'], measures: [plays] })
    const [shape] = await declare(rollup)
    expect.assert(shape !== undefined)
    const merge = async (): Promise<number> => await db.withSession((session) => mergeRollup(session, shape, patience))
    await run(db, `insert into plays values (1, ${noon}, 5, 'a')`)
    await db.withSession(async (old) => {
      await run(old, 'begin isolation level repeatable read')
      expect(await differences(old, shape)).toEqual([])
      // Short of what would be stored out of line: some 70 MB that came and went.
      const wide = `select bucket, repeat('x', 1900) || n, row_count from pgstrata.song_plays_delta, generate_series(1, 36000) n`
      await run(
        db,
        `insert into pgstrata.song_plays_delta (bucket, label, row_count) ${wide}`,
        `delete from pgstrata.song_plays_delta where length(label) > 100`,
      )
      for (let round = 0; round < 3; round++) {
        await run(db, `insert into plays values (1, ${noon}, 5, 'a')`)
        expect(await merge()).toBeGreaterThan(0)
        await db.withSession((session) => tidyDeltas(session, shape))
      }
      expect(await findings(rollup)).toEqual([expect.stringContaining('still take')])
      expect((await old.query(sql`select plays::int from song_plays`)).rows).toEqual([{ plays: 1 }])
      expect(await differences(old, shape)).toEqual([])
      await run(old, 'commit')
    })
    expect(await differences(db, shape)).toEqual([])
    await db.withSession((session) => tidyDeltas(session, shape))
    expect(await findings(rollup)).toEqual([])
  })

  test('triggers that somebody switched off are noticed, and switched on', async () => {
    const rollup = rollupOf()
    const [shape] = await declare(rollup)
    expect.assert(shape !== undefined)
    await run(db, 'alter table plays disable trigger all', `insert into plays values (1, ${noon}, 5)`)
    const { steps } = await db.withSession((session) => contributeRollups(session, [rollup]))
    expect(steps.map(({ title }) => title)).toEqual([expect.stringContaining('watch "public"."plays"')])
    await declare(rollup)
    await run(db, `insert into plays values (1, ${noon}, 5)`)
    expect((await db.query(sql`select plays::int from song_plays`)).rows).toEqual([{ plays: 1 }])
    await db.withSession((session) => rebuildRange(session, shape, { from: undefined, to: undefined }, patience))
    expect(await differences(db, shape)).toEqual([])
  })

  test.each([
    ['hour', 'Asia/Kolkata', '2026-03-28'],
    ['day', 'Asia/Kathmandu', '2026-03-28'],
    ['hour', 'America/St_Johns', '2026-11-01'],
    ['day', 'America/St_Johns', '2026-03-08'],
    ['day', 'Australia/Lord_Howe', '2026-04-05'],
  ] as const)(
    'windows by the %s of %s, half an hour from others, are what a recompute gives',
    async (unit, zone, day) => {
      await run(
        db,
        `insert into plays select n % 3, timestamptz '${day} 00:05Z' + n * interval '20 minutes', 1 from generate_series(-200, 200) n`,
      )
      const totals = { windows: [{ name: '1d', span: { unit: 'day', count: 1 } }], compute: [], index: [] } as const
      const bucket = { column: 'at', span: { unit, count: 1 }, zone } as const
      const [shape] = await install(db, [rollupOf({ bucket, totals, measures: [plays] })])
      expect.assert(shape !== undefined)
      const cut = (instant: string): string => `date_trunc('${unit}', ${instant}, '${zone}')`
      // Backwards too, as clocks that are put right.
      for (const minutes of [-3000, -1441, -700, -90, -29, 0, 31, 59, 61, 640, 1439, 1470, 3000, 45]) {
        const at = `(timestamptz '${day} 00:00Z' + interval '${minutes} minutes')`
        const since = cut(`((${at} at time zone '${zone}') - interval '1 day') at time zone '${zone}'`)
        await db.withSession((session) => mergeRollup(session, shape, { ...patience, at }))
        const kept = await db.query(
          sql`select song, plays::int as plays, plays_1d::int as lately from song_plays_totals order by 1`,
        )
        const truth = await db.query(
          sql.raw(
            `select song, count(*)::int as plays, (count(*) filter (where ${cut('at')} between ${since} and ${cut(at)}))::int as lately from plays group by 1 order by 1`,
          ),
        )
        expect([at, kept.rows]).toEqual([at, truth.rows])
      }
    },
  )
})
