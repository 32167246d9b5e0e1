// Plain views: made behind what they read, replaced as little as can be, and with all that is at them; a change by hand is told
// and never overwritten.

import { describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { isStrataError } from '../../src/base/errors.ts'
import type { Strata } from '../../src/strata.ts'
import { versions } from '../support/postgres.ts'
import { genreStats, openBench, plays, type Bench } from './support.ts'

const plain = (sql: string): { sql: string; materialized: false } => ({ sql, materialized: false })

const perGenre = 'select genre, count(*)::int as plays from plays join songs on id = song_id group by genre'
const names = { a_top: plain('select genre from v_genres where plays > 1'), v_genres: plain(perGenre) }

async function settled(strata: Strata): Promise<void> {
  const { steps, drift, held } = await strata.plan()
  expect([steps.map(({ title }) => title), drift, held]).toEqual([[], [], []])
}

async function oidOf(bench: Bench, name: string): Promise<unknown> {
  return (await bench.rows(`select oid from pg_class where relname = '${name}'`))[0]?.['oid']
}

describe.each(versions)('plain views on PostgreSQL %d', (version) => {
  test('are made behind what they read, of either kind, and there is nothing left to do', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const views = {
      ...names,
      // Named before what it reads, and read by a materialized one.
      b_stats: plain('select * from m_stats'),
      c_kept: { sql: 'select max(plays) as most from b_stats' },
      m_stats: genreStats,
    }
    const strata = bench.strata(views)
    await strata.apply()
    expect(await bench.rows('table a_top')).toEqual([{ genre: 'rock' }])
    expect(await bench.rows('table b_stats order by 1')).toEqual(await bench.rows('table m_stats order by 1'))
    await settled(strata)
    expect(await strata.views.status('a_top')).toEqual([
      {
        name: 'a_top',
        schema: 'public',
        kind: 'plain',
        state: 'live',
        tags: [],
        lastRefreshed: null,
        staleMs: 0,
        tookMs: null,
        how: null,
        rows: null,
        sizeBytes: null,
        dueAt: null,
        lastError: null,
        findings: [],
      },
    ])
    // Only what holds rows is refreshed, in an order that goes through the plain ones.
    await bench.run('insert into plays values (2, 1), (2, 1), (2, 1)')
    expect(await strata.views.refresh()).toMatchObject([{ name: 'm_stats' }, { name: 'c_kept' }])
    expect(await bench.rows('table c_kept')).toEqual([{ most: 4 }])
    await expect(strata.views.refresh({ names: ['a_top'] })).rejects.toThrow(/plain one.*nothing to refresh/)
    expect(await bench.rows('select pgstrata.refresh_all_materialized_views() as n')).toEqual([{ n: 2 }])
    expect(await bench.rows('select name from pgstrata.view_freshness order by name')).toEqual([
      { name: 'c_kept' },
      { name: 'm_stats' },
    ])
  })

  test('are replaced as they stand where columns stay, and made anew with their readers where they do not', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    await bench.strata(names).apply()
    const role = `r_${bench.db.target.database}`
    await bench.run(
      `create role ${role}`,
      `grant select on v_genres to ${role} with grant option`,
      `grant select (genre) on a_top to ${role}`,
      `comment on view a_top is 'what is heard'`,
      `comment on column v_genres.plays is 'how often'`,
      'alter view v_genres set (security_barrier = true, security_invoker = true)',
      `alter view a_top alter column genre set default 'none'`,
    )
    const look = `select relname::text as name, relacl::text[] as acl, reloptions as options, obj_description(oid) as comment,
        col_description(oid, 2) as of_plays, (select attacl::text[] from pg_attribute where attrelid = c.oid and attname = 'genre') as of_genre,
        (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = c.oid) as default_of
      from pg_class c where relname in ('a_top', 'v_genres') order by 1`
    const before = await bench.rows(look)
    const first = await oidOf(bench, 'v_genres')
    const wider = { ...names, v_genres: plain(perGenre.replace(' from', ', sum(amount) as earned from')) }
    const strata = bench.strata(wider)
    // What was set by hand is drift, until somebody decides.
    await expect(strata.apply()).rejects.toSatisfy((error) => isStrataError(error, 'PLAN_DRIFT'))
    await strata.apply({ accept: ['view public.v_genres', 'view public.a_top'] })
    expect(await oidOf(bench, 'v_genres')).toBe(first)
    expect(await bench.rows(look)).toEqual(before)
    expect(await bench.rows('select earned::int from v_genres order by 1')).toEqual([{ earned: 7 }, { earned: 8 }])
    await settled(strata)
    // A column goes, and the reader is declared otherwise, too: only both at once can be right.
    const other = {
      a_top: plain('select genre from v_genres where heard > 1'),
      v_genres: plain(perGenre.replace('plays from', 'heard from')),
    }
    const next = bench.strata(other)
    expect((await next.plan()).steps.map(({ title }) => title)).toEqual([
      'Make view public.v_genres anew, with 1 view that read it',
    ])
    await next.apply()
    expect(await oidOf(bench, 'v_genres')).not.toBe(first)
    // The comment was of a column that is gone.
    expect(await bench.rows(look)).toEqual(before.map((row) => ({ ...row, of_plays: null })))
    expect(await bench.rows('table a_top')).toEqual([{ genre: 'rock' }])
    await settled(next)
    await bench.run(`drop owned by ${role}`, `drop role ${role}`)
  })

  test('are held where something of others reads them, or a trigger would go; nothing else waits for that', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const views = { ...names, m_kept: { sql: 'select * from v_genres' } }
    await bench.strata(views).apply()
    await bench.run('create view of_others as select * from a_top')
    const changed = {
      ...views,
      v_genres: plain(perGenre.replace('::int', '')),
      z_new: plain('select 1 as one'),
      z_broken: plain('select nothing from plays'),
    }
    const strata = bench.strata(changed)
    await strata.apply()
    const why = async (): Promise<unknown> =>
      (await strata.plan()).held.map(({ what, why: said }) => `${what}: ${said}`)
    const broken = 'view z_broken: column "nothing" does not exist'
    const gone = 'its sql changed, and it cannot be replaced while something reads it'
    expect(await why()).toEqual([`view v_genres: ${gone}: materialized view m_kept, view of_others`, broken])
    expect(await bench.rows('table z_new')).toEqual([{ one: 1 }])
    await bench.run('drop view of_others', 'drop materialized view m_kept')
    const without = bench.strata({ ...changed, m_kept: { sql: 'select 1 as x' } })
    await bench.run(
      `create function nothing() returns trigger language plpgsql as $$ begin return null; end $$`,
      'create trigger by_hand instead of insert on a_top for each row execute function nothing()',
    )
    const { held } = await without.plan()
    expect(held.map(({ why: said }) => said)).toContain(`${gone}: view public.a_top (with trigger by_hand)`)
  })

  test('one that was changed by hand is told, and is only touched when somebody decided', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const strata = bench.strata(names)
    await strata.apply()
    await bench.run(`create or replace view v_genres as select genre, 7 as plays from songs`)
    const byHand = [{ identity: 'view public.v_genres', kind: 'changed', holds: [], canRestore: true }]
    expect((await strata.plan()).drift).toMatchObject(byHand)
    await strata.apply()
    expect(await bench.rows('select distinct plays from v_genres')).toEqual([{ plays: 7 }])
    expect((await strata.plan()).drift).toMatchObject(byHand)
    const { overwritten } = await strata.apply({ overwrite: ['view public.v_genres'] })
    expect(overwritten).toEqual(['view public.v_genres'])
    expect(await bench.rows('table v_genres order by 1')).toEqual([
      { genre: 'jazz', plays: 1 },
      { genre: 'rock', plays: 3 },
    ])
    expect(await bench.rows('table a_top')).toEqual([{ genre: 'rock' }])
    await settled(strata)
    await bench.run('drop view v_genres cascade')
    expect(await strata.views.status('v_genres')).toMatchObject([{ state: 'missing', staleMs: null }])
    await strata.apply()
    expect(await bench.rows('table a_top')).toEqual([{ genre: 'rock' }])
    await settled(strata)
  })

  test('one that somebody else made is not touched; what is declared no more goes, readers first', async () => {
    const bench = await openBench(version)
    await bench.run(...plays, 'create view a_top as select 1 as theirs')
    const strata = bench.strata(names)
    await strata.apply()
    expect((await strata.plan()).held).toEqual([
      {
        what: 'view a_top',
        why: "there is a view public.a_top, which is not pgstrata's",
        todo: 'rename or drop view public.a_top in a migration, or declare the view under another name',
      },
    ])
    expect(await bench.rows('table a_top')).toEqual([{ theirs: 1 }])
    await bench.run('drop view a_top')
    await strata.apply()
    await bench.run('create view of_others as select * from a_top')
    const none = bench.strata({})
    await none.apply()
    expect((await none.plan()).held).toMatchObject([
      { what: 'view a_top', why: 'it is declared no more, and something reads it: view of_others' },
      { what: 'view v_genres', why: 'it is declared no more, and something reads it: view a_top' },
    ])
    await bench.run('drop view of_others')
    await none.apply()
    expect(await bench.rows(`select from pg_class where relname in ('a_top', 'v_genres')`)).toEqual([])
    expect(await bench.rows('table pgstrata.plain_view')).toEqual([])
    await settled(none)
    // What was recorded of them is forgotten: one of that name is new.
    await bench.strata({ v_genres: plain('select 1 as other') }).apply()
    await settled(bench.strata({ v_genres: plain('select 1 as other') }))
  })

  test('become materialized and plain again, with their rights and readers', async () => {
    const bench = await openBench(version)
    const role = `r_${bench.db.target.database}`
    await bench.run(...plays, `create role ${role}`)
    await bench.strata(names).apply()
    await bench.run(`grant select on v_genres to ${role}`)
    const rights = "select relkind::text as kind, relacl::text[] as acl from pg_class where relname = 'v_genres'"
    const acl = (await bench.rows(rights))[0]?.['acl']
    const kept = bench.strata({ ...names, v_genres: { sql: perGenre, unique: ['genre'] } })
    await kept.apply()
    expect(await bench.rows(rights)).toEqual([{ kind: 'm', acl }])
    expect(await kept.views.refresh()).toMatchObject([{ name: 'v_genres', outcome: 'refreshed', how: 'concurrently' }])
    await settled(kept)
    // And its readers follow one that is built anew and swapped.
    const changed = bench.strata({
      a_top: plain('select genre from v_genres where heard > 1'),
      v_genres: { sql: perGenre.replace('plays from', 'heard from'), unique: ['genre'] },
    })
    await changed.apply()
    expect(await bench.rows('table a_top')).toEqual([{ genre: 'rock' }])
    await settled(changed)
    const back = bench.strata(names)
    await back.apply()
    expect(await bench.rows(rights)).toEqual([{ kind: 'v', acl }])
    expect(await bench.rows('table pgstrata.view')).toEqual([])
    await settled(back)
    await bench.run(`drop owned by ${role}`, `drop role ${role}`)
  })

  test('one that is declared in another schema than it is kept in is held', async () => {
    const bench = await openBench(version)
    await bench.run('create schema other')
    await bench.strata({ one: plain('select 1 as x') }).apply()
    const { held } = await bench.strata({ one: { ...plain('select 1 as x'), schema: 'other' } }).plan()
    expect(held).toMatchObject([{ what: 'view one', why: 'it is kept in schema public' }])
  })
})

test('what is for rows is refused of a plain view', () => {
  const written = {
    database: { primary: 'postgres://nowhere/x' },
    views: { v: { sql: 'select 1', materialized: false, unique: ['x'], refresh: '1 hour', tags: ['a'] } },
  }
  expect(() => resolveConfig<unknown>(written, { root: '/', name: 'c' })).toThrowError(
    expect.objectContaining({
      notes: ['unique', 'refresh', 'tags'].map((key) => expect.stringMatching(`views.v.${key}.*holds no rows`)),
    }),
  )
})
