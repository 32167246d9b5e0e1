// Distinct values in totals from a configuration: made, filled, asked for and asked for no more, and read.

import { describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { count, countDistinct, mode } from '../../src/rollups/index.ts'
import { sql } from '../../src/sql/sql.ts'
import type { Strata } from '../../src/strata.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared } from './declared-support.ts'
import { run } from './support.ts'

const plays = count()
const listeners = countDistinct('listener', { windows: true })
const totals = { windows: { '7d': '7 days' }, index: ['listeners_7d desc'] }
const songPlays = {
  from: 'plays',
  time: 'at',
  bucket: '1 hour',
  by: ['song'],
  measures: { plays, listeners },
  totals,
}
const plain = { ...songPlays, measures: { plays, listeners: countDistinct('listener') }, totals: { windows: {} } }

/** Too many to be filled while writers wait. */
const many = `insert into plays select n % 5, now() - n * interval '1 minute', n % 77, repeat('k', 900) from generate_series(1, 10000) n`

describe.each(versions)('applied distinct values in totals, on PostgreSQL %d', (version) => {
  let db: Db
  const { declare } = useDeclared(version, async (made) => {
    db = made.db
    await run(
      db,
      'create table plays (song int, at timestamptz not null, listener int, kind text)',
      `insert into plays select n % 3, now() - n * interval '3 hours', n % 40, 'k' || n % 2 from generate_series(1, 120) n`,
    )
  })

  const rowsOf = async (text: string): Promise<readonly unknown[]> => (await db.query(sql.raw(text))).rows
  const windowTables = async (): Promise<readonly unknown[]> =>
    await rowsOf(
      `select relname from pg_class where relname like 'song\\_plays\\_%\\_totals' and relkind = 'r' order by 1`,
    )

  async function expectTotals(): Promise<void> {
    const week = `at >= date_trunc('hour', now() - interval '7 days', 'UTC') and at < date_trunc('hour', now(), 'UTC') + interval '1 hour'`
    expect(await rowsOf('select song, plays, listeners, listeners_7d from song_plays_totals order by song')).toEqual(
      await rowsOf(
        `select song, count(*) as plays, count(distinct listener) as listeners, count(distinct listener) filter (where ${week}) as listeners_7d from plays group by song order by song`,
      ),
    )
  }

  async function expectApplied(strata: Strata): Promise<void> {
    const { steps, held, drift } = await strata.plan()
    expect([steps, held, drift]).toEqual([[], [], []])
  }

  test('are filled at once, merged from SQL, explained, and dropped with the rollup', async () => {
    const strata = declare(songPlays)
    await strata.apply()
    await expectApplied(strata)
    await expectTotals()
    await run(db, 'update plays set listener = listener + 1 where song = 1', 'call pgstrata.merge()')
    await expectTotals()
    const { measures, relations } = await strata.rollup.explain('song_plays')
    expect(measures.at(-1)?.contract).toMatch(/once more in totals, which are a merge behind/)
    expect(relations.map(({ name }) => name)).toContain('"pgstrata"."song_plays_listeners_totals"')
    await declare().apply()
    expect(
      await rowsOf(`select relname from pg_class where relname like 'song\\_plays%' and relkind in ('r', 'v')`),
    ).toEqual([])
  })

  test('are asked for, and no more, in place, and so are windows of theirs', async () => {
    await declare(plain).apply()
    expect(await windowTables()).toEqual([])
    const wide = declare(songPlays)
    const plan = await wide.plan()
    expect(plan.held).toEqual([])
    await run(db, `insert into plays values (1, now(), 99, 'pending')`)
    await wide.apply()
    await wide.rollup.merge('song_plays')
    await expectTotals()
    const ever = declare({ ...songPlays, totals: {} })
    await ever.apply()
    await run(db, 'update plays set listener = 98 where listener = 99 or listener < 3')
    await ever.rollup.merge('song_plays')
    expect(await ever.rollup.verify('song_plays')).toMatchObject({ different: 0, totals: 0 })
    expect(await rowsOf('select song, plays, listeners from song_plays_totals order by song')).toEqual(
      await rowsOf(
        'select song, count(*) as plays, count(distinct listener) as listeners from plays group by song order by song',
      ),
    )
    const more = declare({
      ...songPlays,
      measures: { plays, kinds: countDistinct('kind', { windows: true }), listeners },
      totals: { windows: { '7d': '7 days', '1d': '1 day' }, compute: { share: 'kinds_1d / nullif(listeners_1d, 0)' } },
    })
    await more.apply()
    await run(db, `insert into plays values (1, now(), 100, 'new')`)
    await more.rollup.merge('song_plays')
    await expectTotals()
    expect(await more.rollup.verify('song_plays')).toMatchObject({ different: 0, totals: 0 })
    expect(await windowTables()).toHaveLength(2)
    const narrow = declare(plain)
    await narrow.apply()
    await expectApplied(narrow)
    expect(await windowTables()).toEqual([])
    await run(db, `insert into plays values (1, now(), 101, 'new')`, 'call pgstrata.merge()')
    expect(await rowsOf('select plays::int from song_plays_totals where song = 1')).toEqual([{ plays: 43 }])
  })

  test('of a large table are filled range by range, also where the measure is declared later', async () => {
    await run(db, many)
    const strata = declare(songPlays)
    await strata.apply()
    await strata.rollup.fill('song_plays')
    await expectTotals()
    const later = declare({
      ...songPlays,
      measures: { plays, listeners, kinds: countDistinct('kind', { windows: true }) },
    })
    await later.apply()
    await run(db, `insert into plays values (1, now(), 99, 'pending')`, 'delete from plays where listener = 6')
    await later.rollup.fill('song_plays')
    await later.rollup.merge('song_plays')
    await expectTotals()
    expect(await rowsOf('select song, kinds from song_plays_totals order by song')).toEqual(
      await rowsOf('select song, count(distinct kind) as kinds from plays group by song order by song'),
    )
    expect(await later.rollup.verify('song_plays')).toMatchObject({ different: 0, totals: 0 })
    await run(db, 'update pgstrata.song_plays_kinds_totals set n_7d = 0')
    expect(await later.rollup.verify('song_plays', { fix: true })).toMatchObject({ different: 0, totals: 5 })
    expect(await later.rollup.verify('song_plays')).toMatchObject({ totals: 0 })
    await later.rollup.rebuild('song_plays')
    await expectTotals()
  })

  test('counted otherwise are built beside, and take their place', async () => {
    await declare(songPlays).apply()
    const changed = { ...songPlays, measures: { plays, listeners: countDistinct('listener + 1', { windows: true }) } }
    await declare(changed).apply()
    await declare(changed).apply()
    expect(await windowTables()).toEqual([{ relname: 'song_plays_listeners_totals' }])
    await run(db, `insert into plays values (1, now(), 99, 'new')`, 'call pgstrata.merge()')
    await expectTotals()
  })

  test('are of values and keys of every kind, under any search_path', async () => {
    await run(
      db,
      'create schema "Ext ""1"',
      'create extension citext schema "Ext ""1"',
      `create collation fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      `create table "Some "" table" ("Key "" 1" "Ext ""1".citext, place int, "at" timestamp not null, "Big ""Value" text collate fold, tags int[], doc jsonb, name "Ext ""1".citext)`,
    )
    const strata = declare({
      from: ['public', 'Some " table'],
      time: 'at',
      bucket: '1 day',
      by: ['Key " 1', 'place'],
      measures: {
        Values: countDistinct('"Big ""Value"', { windows: true }),
        tags: countDistinct('tags', { windows: true }),
        docs: countDistinct('doc', { windows: true, filter: 'place > 0' }),
        names: countDistinct('name', { windows: true }),
      },
      totals: { windows: { '3d': '3 days' } },
    })
    await strata.apply()
    const insert = (values: string): string => `insert into "Some "" table" values ${values}`
    for (const text of [
      insert(
        `('A', 1, localtimestamp, 'v', '{1,2}', '{"a": 1}', 'n'), ('a', 1, localtimestamp, 'V', '{1}', '{"a": 1.0}', 'N')`,
      ),
      insert(
        `(null, null, localtimestamp - interval '9 days', 'w', '{}', '[]', null), ('a', 1, localtimestamp, 'w', null, '[]', 'm')`,
      ),
      `delete from "Some "" table" where "Big ""Value" = 'v'`,
      `update "Some "" table" set "Big ""Value" = 'W', "Key "" 1" = 'b', at = at - interval '5 days'`,
    ]) {
      await run(db, text, 'call pgstrata.merge()')
      const names = ['Values', 'tags', 'docs', 'names'].flatMap((name) => [`"${name}"`, `"${name}_3d"`])
      const recent = 'at >= current_date - 3 and at < current_date + 1'
      const truth = ['"Big ""Value"', 'tags', 'case when place > 0 then doc end', 'name'].flatMap((of) => [
        `count(distinct ${of})`,
        `count(distinct ${of}) filter (where ${recent})`,
      ])
      const kept = `select lower("Key "" 1"::text), place, ${names.join(', ')} from song_plays_totals`
      const counted = `select lower("Key "" 1"::text), place, ${truth.join(', ')} from "Some "" table" group by "Key "" 1", place`
      await run(db, `set search_path = public, "Ext ""1"`)
      expect([text, await rowsOf(`(${kept}) except (${counted}) union all ((${counted}) except (${kept}))`)]).toEqual([
        text,
        [],
      ])
    }
  })

  test('misdeclared are refused at load, by their path', () => {
    const { totals: _totals, ...without } = songPlays
    const refusal = (rollup: Readonly<Record<string, unknown>>): unknown => {
      try {
        declare(rollup)
      } catch (error) {
        return error
      }
      return undefined
    }
    expect(String(refusal(without))).toMatch(/measures\.listeners\.windows: expected `totals` beside it/)
    const usual = { ...mode('kind'), windows: true }
    expect(String(refusal({ ...songPlays, measures: { plays, usual } }))).toMatch(
      /measures\.usual\.windows: expected it of `countDistinct` alone/,
    )
  })
})
