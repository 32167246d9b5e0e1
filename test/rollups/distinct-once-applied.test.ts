// Totals of rollups without a bucket, from a configuration: made, filled through deaths, changed, read and dropped.

import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { StrataConfig } from '../../src/config/shape.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { count, countDistinct, max, mode } from '../../src/rollups/index.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { fillRollup } from '../../src/rollups/merge/fill.ts'
import { sql } from '../../src/sql/sql.ts'
import { isConnectionLost } from '../../src/sql/sqlstate.ts'
import type { Strata } from '../../src/strata.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared, type Said } from './declared-support.ts'
import { patience, run } from './support.ts'

const plays = count()
const listeners = countDistinct('listener')
const audience = { from: 'plays', by: ['song'], measures: { plays, listeners }, totals: {} }

/** Too many to be filled while writers wait. */
const many = `insert into plays select n % 5, now() - n * interval '1 minute', n % 77, repeat('k', 900) from generate_series(1, 10000) n`

describe.each(versions)('applied totals without a bucket, on PostgreSQL %d', (version) => {
  let db: Db
  const { configure, database } = useDeclared(version, async (made) => {
    db = made.db
    await run(
      db,
      'create table plays (song int, at timestamptz not null, listener int, kind text)',
      `insert into plays select n % 3, now() - n * interval '3 hours', n % 40, 'k' || n % 2 from generate_series(1, 120) n`,
    )
  })

  const declare = (rollup?: Said): Strata =>
    configure({ rollups: rollup === undefined ? {} : { audience: rollup } } as unknown as Partial<StrataConfig>)
  const rowsOf = async (text: string): Promise<readonly unknown[]> => (await db.query(sql.raw(text))).rows
  const columnsOf = async (table: string): Promise<readonly unknown[]> =>
    (
      await db.query<{ name: string }>(
        sql`select attname::text as name from pg_attribute where attrelid = ${table}::regclass and attnum > 0 and not attisdropped`,
      )
    ).rows.map(({ name }) => name)

  /** `merged`: totals too, which are a merge behind. */
  async function expectCounted({ merged = true } = {}): Promise<void> {
    const truth = await rowsOf(
      'select song, count(*) as plays, count(distinct listener) as listeners from plays group by song order by song',
    )
    const views = ['audience', 'audience_ever', ...(merged ? ['audience_totals'] : [])]
    for (const view of views)
      expect([view, await rowsOf(`select song, plays, listeners from ${view} order by song`)]).toEqual([view, truth])
  }

  async function expectSettled(strata: Strata): Promise<void> {
    const { steps, held, drift } = await strata.plan()
    expect([steps, held, drift]).toEqual([[], [], []])
    expect(await strata.rollup.verify('audience')).toMatchObject({ different: 0, totals: 0 })
  }

  test('have distinct values without being asked for, in one table, and go with the rollup', async () => {
    const strata = declare(audience)
    await strata.apply()
    await expectCounted()
    await run(db, 'update plays set listener = listener + 1 where song = 1', 'delete from plays where listener = 7')
    await expectCounted({ merged: false })
    await run(db, 'call pgstrata.merge()')
    await expectCounted()
    await expectSettled(strata)
    const { measures, relations } = await strata.rollup.explain('audience')
    expect(measures.at(-1)?.contract).toMatch(/different values, and in totals, which are a merge behind/)
    const names = relations.map(({ name }) => name)
    expect(names).toContain('"pgstrata"."audience_listeners_values"')
    expect(names).not.toContain('"pgstrata"."audience_listeners_totals"')
    await run(db, 'truncate plays', 'call pgstrata.merge()')
    await expectCounted()
    await declare().apply()
    expect(
      await rowsOf(`select relname from pg_class where relname like 'audience%' and relkind in ('r', 'v')`),
    ).toEqual([])
  })

  test('can be computed with, and put in order by an index', async () => {
    const strata = declare({
      ...audience,
      measures: { ...audience.measures, longest: max('at'), usual: mode('kind') },
      totals: { compute: { per_listener: 'plays / nullif(listeners, 0)' }, index: ['listeners desc'] },
    })
    await strata.apply()
    await run(db, 'insert into plays select 2, now(), n from generate_series(100, 200) n')
    await strata.rollup.merge('audience')
    expect(await columnsOf('audience_totals')).toEqual(['song', 'plays', 'listeners', 'per_listener'])
    expect(await rowsOf('select song from audience_totals order by listeners desc nulls last, song limit 1')).toEqual([
      { song: 2 },
    ])
    await expectSettled(strata)
  })

  test('come and go in place, with measures and without', async () => {
    const table = 'pgstrata.audience_listeners_values'
    const bare = declare({ ...audience, totals: undefined })
    await bare.apply()
    expect(await columnsOf(table)).toEqual(['song', 'value', 'n'])
    await run(db, `insert into plays values (1, now(), 99, 'pending')`)
    const wide = declare(audience)
    expect((await wide.plan()).held).toEqual([])
    await wide.apply()
    expect(await columnsOf(table)).toEqual(['song', 'value', 'n', 'moved'])
    await wide.rollup.merge('audience')
    await expectCounted()
    const more = declare({ ...audience, measures: { plays, kinds: countDistinct('kind'), listeners } })
    await run(db, `insert into plays values (1, now(), 100, 'new')`)
    await more.apply()
    await more.rollup.merge('audience')
    await expectCounted()
    const kinds = 'select song, count(distinct kind) as kinds from plays group by song order by song'
    expect(await rowsOf('select song, kinds from audience_totals order by song')).toEqual(await rowsOf(kinds))
    await expectSettled(more)
    const fewer = declare({ ...audience, measures: { plays, kinds: countDistinct('kind') } })
    await fewer.apply()
    await run(db, `delete from plays where kind = 'new'`, 'call pgstrata.merge()')
    expect(await rowsOf('select song, kinds from audience_totals order by song')).toEqual(await rowsOf(kinds))
    await expectSettled(fewer)
    const none = declare({ ...audience, measures: { plays, kinds: countDistinct('kind') }, totals: undefined })
    await none.apply()
    expect(await columnsOf('pgstrata.audience_kinds_values')).toEqual(['song', 'value', 'n'])
    await run(db, `insert into plays values (1, now(), 99, 'newer')`, 'call pgstrata.merge()')
    expect(await rowsOf('select song, kinds from audience order by song')).toEqual(await rowsOf(kinds))
    await expectSettled(none)
  })

  test('of a large table are filled by whoever goes on with it, however often one dies', async () => {
    await run(db, many)
    const strata = declare(audience)
    await strata.apply()
    const deaths = await fillDying({ url: database().url, killer: db })
    expect(deaths).toBeGreaterThan(3)
    await expectCounted()
    const later = declare({ ...audience, measures: { plays, listeners, kinds: countDistinct('kind') } })
    await later.apply()
    await run(db, `insert into plays values (1, now(), 99, 'pending')`, 'delete from plays where listener = 6')
    // Before the new one is filled.
    await later.rollup.merge('audience')
    await expectCounted()
    await run(db, `delete from plays where kind = 'pending'`)
    await later.rollup.fill('audience')
    await later.rollup.merge('audience')
    await expectCounted()
    expect(await rowsOf('select song, kinds from audience_totals order by song')).toEqual(
      await rowsOf('select song, count(distinct kind) as kinds from plays group by song order by song'),
    )
    await expectSettled(later)
    await run(db, 'update pgstrata.audience_kinds_values set n = 0')
    expect(await later.rollup.verify('audience', { fix: true })).toMatchObject({ different: 5 })
    await expectSettled(later)
    await later.rollup.rebuild('audience')
    await expectCounted()
  })

  test('that had buckets of a year before are built beside, and take their place', async () => {
    const years = { ...audience, time: 'at', bucket: '1 year' }
    await declare({ ...years, measures: { plays, listeners: countDistinct('listener', { windows: true }) } }).apply()
    const strata = declare(audience)
    const { steps, held } = await strata.plan()
    expect(steps.map(({ title }) => title)).toContain('Rollups of table public.plays: make audience_next')
    expect(held).toMatchObject([
      { what: 'rollup audience', why: expect.stringContaining('built anew beside it as audience_next') },
    ])
    await strata.apply()
    await run(db, `insert into plays values (1, now(), 99, 'new')`)
    await strata.apply()
    await run(db, `insert into plays values (2, now(), 98, 'newer')`, 'call pgstrata.merge()')
    await expectCounted()
    await expectSettled(strata)
    expect(
      await rowsOf(`select relname from pg_class where relname like 'audience\\_%\\_totals' and relkind = 'r'`),
    ).toEqual([])
  })

  test('have no windows, and say so at load', () => {
    const windows = { windows: { '7d': '7 days' } }
    expect(() => declare({ ...audience, totals: windows })).toThrow(/totals\.windows: expected a `bucket` beside it/)
    expect(() => declare({ ...audience, totals: { windows: {} } })).not.toThrow()
  })
})

/** Each attempt is killed a statement later than the one before, until one gets through. Answers with how many died. */
async function fillDying({ url, killer }: { readonly url: string; readonly killer: Db }): Promise<number> {
  const doomed = openDb({ url, max: 1 })
  try {
    for (let after = 1; after < 100; after++) {
      const [installed] = await readInstalled(killer)
      expect.assert(installed !== undefined)
      expect(installed.state).toBe('filling')
      const isDone = await doomed
        .withSession(async (session) => {
          let left = after
          const query: Session['query'] = async (statement) => {
            if (left-- === 0) await killer.query(sql`select pg_terminate_backend(${session.pid}, 10000)`)
            return await session.query(statement)
          }
          await fillRollup({ ...session, query }, installed.shape, installed, { ...patience, clock: systemClock })
          return true
        })
        .catch((error: unknown) => {
          if (!isConnectionLost(error)) throw error
          return false
        })
      if (isDone || (await readInstalled(killer))[0]?.state === 'live') return after - 1
    }
    throw new Error('It is never filled')
  } finally {
    await doomed.close({ now: true })
  }
}
