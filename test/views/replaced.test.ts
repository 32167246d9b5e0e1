// A view whose sql changed is built anew beside it and takes its place, with everything that is at it; what reads it is named.

import { describe, expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { genreStats, openBench, plays } from './support.ts'

const changed = {
  ...genreStats,
  sql: 'select genre, count(*)::int as plays, sum(amount)::int as earned from plays join songs on id = song_id group by genre',
} as const

describe.each(versions)('replaced views on PostgreSQL %d', (version) => {
  test('keep their owner, rights, comments and indexes', async () => {
    const bench = await openBench(version)
    const role = `owner_${bench.db.target.database}`
    const [owner, reader, column] = [role, `r${role}`, `c${role}`]
    await bench.run(...plays)
    await bench.apply({ 'St"ats': { ...genreStats, indexes: [['plays']] } })
    await bench.run(
      ...[owner, reader, column].map((name) => `create role ${name}`),
      `grant select on plays, songs to ${owner}`,
      `grant create on schema public to ${owner}`,
      `alter materialized view "St""ats" owner to ${owner}`,
      `grant select on "St""ats" to ${reader} with grant option`,
      `grant select (genre) on "St""ats" to ${column}`,
      `comment on materialized view "St""ats" is 'what people hear'`,
      `comment on column "St""ats".plays is 'how often'`,
      `create index "by hand" on "St""ats" (lower(genre)) where plays > 1`,
      `alter materialized view "St""ats" set (autovacuum_enabled = off)`,
      `alter default privileges grant select on tables to ${column}`,
    )
    const look = `select pg_get_userbyid(relowner)::text as owner, relacl::text[] as acl, reloptions as options,
        obj_description(oid) as comment, col_description(oid, 2) as of_plays,
        (select attacl::text[] from pg_attribute where attrelid = c.oid and attname = 'genre') as of_genre,
        (select array_agg(pg_get_indexdef(indexrelid) order by 1) from pg_index where indrelid = c.oid) as indexes
      from pg_class c where relname = 'St"ats'`
    const before = await bench.rows(look)
    const [oid] = await bench.rows(`select oid from pg_class where relname = 'St"ats'`)
    const strata = await bench.apply({ 'St"ats': { ...changed, indexes: [['plays']] } })
    expect(await bench.rows(look)).toEqual(before)
    expect(await bench.rows(`select oid from pg_class where relname = 'St"ats'`)).not.toEqual([oid])
    expect(await bench.rows('select * from "St""ats" order by genre')).toEqual([
      { genre: 'jazz', plays: 1, earned: 7 },
      { genre: 'rock', plays: 3, earned: 8 },
    ])
    expect(await bench.plan({ 'St"ats': { ...changed, indexes: [['plays']] } })).toMatchObject({ steps: [], held: [] })
    expect(await strata.views.refresh()).toMatchObject([{ outcome: 'refreshed', how: 'concurrently' }])
    await bench.run(`drop owned by ${owner}, ${reader}, ${column}`, `drop role ${owner}, ${reader}, ${column}`)
  })

  test('are held while something of somebody else reads them, or an index by hand needs a column that goes', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    await bench.apply({ stats: genreStats })
    await bench.run(
      'create view top as select genre from stats',
      'create function row_of(stats) returns int language sql as $$ select 1 $$',
    )
    const whyOf = async (text: string): Promise<unknown> =>
      (await bench.plan({ stats: { sql: text, unique: ['genre'] } })).held?.map(({ why }) => why)
    expect(await whyOf(changed.sql)).toEqual([
      'its sql changed, and it cannot be replaced while something reads it: function row_of(stats), view top',
    ])
    await bench.run('drop view top', 'drop function row_of(stats)', 'create index by_hand on stats (plays)')
    expect(await whyOf('select genre from songs group by genre')).toEqual([
      'index by_hand, made by hand, is on a column that its new sql does not have',
    ])
    expect(await whyOf(changed.sql)).toEqual([])
  })

  test('are read as they were until the swap; what an apply left that was killed in between is taken by the next', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    await bench.apply({ stats: genreStats })
    const [build, swap] = (await bench.plan({ stats: changed })).steps
    expect([build?.title, swap?.title]).toEqual([
      'Build materialized view public.stats anew, beside it',
      'Put the new materialized view public.stats in its place',
    ])
    await bench.db.withSession(async (session) => {
      await session.query(sql`begin`)
      for (const statement of build?.statements ?? []) await session.query(sql.raw(statement))
      await session.query(sql`commit`)
    })
    expect(await bench.rows('select * from stats order by genre limit 1')).toEqual([{ genre: 'jazz', plays: 1 }])
    const [built] = await bench.rows('select built_at from pgstrata.view')
    // Written to since: what was built is taken as it is, and says how old it is.
    await bench.run('insert into plays values (2, 1)')
    expect((await bench.plan({ stats: changed })).steps.map(({ title }) => title)).toEqual([swap?.title])
    await bench.strata({ stats: changed }).apply()
    expect(await bench.rows('select * from stats order by genre limit 1')).toEqual([
      { genre: 'jazz', plays: 1, earned: 7 },
    ])
    expect(await bench.rows('select last_refreshed as built_at from pgstrata.view')).toEqual([built])
    // And one that is not what is declared any more is built again.
    const other = await bench.plan({ stats: { ...changed, sql: `${changed.sql} having count(*) > 1` } })
    await bench.run(...(other.steps[0]?.statements ?? []))
    const third = { stats: { ...changed, sql: `${changed.sql} having count(*) < 3` } }
    await bench.apply(third)
    expect(await bench.rows('select genre from stats')).toEqual([{ genre: 'jazz' }])
    expect(await bench.rows(`select from pg_class where relkind = 'm'`)).toHaveLength(1)
    expect((await bench.plan(third)).steps).toEqual([])
  })
})
