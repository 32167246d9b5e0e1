// Measures of values from a configuration: made, filled, changed, merged from SQL, verified and repaired, read by roles without a
// right of their own, guarded and dropped.

import { describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { count, countDistinct, mode, percentile, topK } from '../../src/rollups/index.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared } from './declared-support.ts'
import { run } from './support.ts'
import { differences } from './values-truth.ts'

const listeners = countDistinct('listener')
const measures = { plays: count(), listeners, usual: mode('kind'), p9: percentile('amount', 0.9) }
const songPlays = { from: 'plays', time: 'at', bucket: '1 hour', by: ['song'], measures }

/** Too many to be filled while writers wait. */
const many = `insert into plays select n % 5, now() - n * interval '1 minute', n % 7, repeat('k', 900), n % 50 from generate_series(1, 12000) n`

describe.each(versions)('applied measures of values on PostgreSQL %d', (version) => {
  let db: Db
  const { declare } = useDeclared(version, async (made) => {
    db = made.db
    await run(
      db,
      'create table plays (song int, at timestamptz not null, amount numeric, kind text, listener int)',
      `insert into plays select n % 3, now() - n * interval '10 minutes', n, 'k' || n % 2, n % 4 from generate_series(1, 60) n`,
    )
  })

  const rowsOf = async (text: string): Promise<readonly unknown[]> => (await db.query(sql.raw(text))).rows

  const expectExact = async (): Promise<void> => {
    const shapes = (await readInstalled(db)).map(({ shape }) => shape)
    expect(shapes).not.toEqual([])
    expect(await differences(db, ...shapes)).toEqual([])
  }

  const relations = async (): Promise<readonly unknown[]> =>
    await rowsOf(
      `select relname from pg_class where relname like 'song\\_plays%' and relkind in ('r', 'v') order by relnamespace, relname`,
    )

  test('are filled at once, merged from SQL, and dropped with the rollup', async () => {
    const strata = declare(songPlays)
    await strata.apply()
    const { steps, held, drift } = await strata.plan()
    expect([steps, held, drift]).toEqual([[], [], []])
    await expectExact()
    // Nothing else of the rollup changes.
    await run(db, 'update plays set listener = 9 where song = 1')
    await run(db, 'call pgstrata.merge()')
    expect(await rowsOf('select from pgstrata.song_plays_listeners_values_delta')).toEqual([])
    await expectExact()
    await run(db, 'delete from plays where song = 2')
    await expectExact()
    await run(db, 'call pgstrata.merge()')
    await expectExact()
    await declare().apply()
    expect(await relations()).toEqual([])
    await run(db, `insert into plays values (1, now(), 1, 'a', 1)`)
  })

  test('of a large table are filled range by range, and go on where measures are declared later', async () => {
    await run(db, many)
    const strata = declare({ ...songPlays, measures: { plays: count() } })
    await strata.apply()
    await strata.rollup.fill('song_plays')
    const later = declare({ ...songPlays, measures: { plays: count(), listeners, most: topK('listener', 2) } })
    await later.apply()
    await run(db, `insert into plays values (1, now(), 1, 'a', 1)`)
    await later.rollup.fill('song_plays')
    const sum = (from: string): string => `select sum(listeners)::int as n from ${from}`
    const truth = `select count(distinct listener) as listeners from plays group by song, date_trunc('hour', at, 'UTC')`
    expect(await rowsOf(sum('song_plays'))).toEqual(await rowsOf(sum(`(${truth}) as truth`)))
    await later.apply()
    const fewer = declare({ ...songPlays, measures: { plays: count(), listeners } })
    await fewer.apply()
    expect(await rowsOf(sum('song_plays'))).toEqual(await rowsOf(sum(`(${truth}) as truth`)))
    expect(JSON.stringify(await relations())).not.toMatch(/most/)
  })

  test('that are declared otherwise are built beside, and take their place', async () => {
    await declare(songPlays).apply()
    const changed = { ...songPlays, measures: { ...measures, listeners: countDistinct('listener % 2') } }
    await declare(changed).apply()
    await declare(changed).apply()
    await expectExact()
    await run(db, 'update plays set listener = listener + 1 where song = 1', 'call pgstrata.merge()')
    await expectExact()
    expect(JSON.stringify(await relations())).not.toMatch(/_next/)
    expect((await readInstalled(db)).map(({ name }) => name)).toEqual(['song_plays'])
  })

  test('that triggers did not see are found, and repaired', async () => {
    const strata = declare(songPlays)
    await strata.apply()
    await db.withSession((session) =>
      // Which values there are, and nothing else.
      run(session, 'set session_replication_role = replica', 'update plays set listener = 100 where song = 1'),
    )
    const found = await strata.rollup.verify('song_plays')
    expect(found.keys).toBeGreaterThan(found.different)
    expect(found.different).toBeGreaterThan(0)
    await strata.rollup.verify('song_plays', { fix: true })
    expect(await strata.rollup.verify('song_plays')).toMatchObject({ different: 0 })
    await expectExact()
  })

  test('are read by who may read the table, and keep their columns from being dropped', async () => {
    const [role, owner] = [`reader_${version}_${Date.now()}`, `owner_${version}_${Date.now()}`]
    await run(
      db,
      `create role ${role}`,
      `create role ${owner}`,
      `alter table plays owner to ${owner}`,
      `grant select, insert on plays to ${role}`,
    )
    try {
      const strata = declare(songPlays)
      await strata.apply()
      const reader = (strata.rollups as unknown as Record<string, { by(key: string): { compile(): Promise<never> } }>)[
        'song_plays'
      ]
      const statement = await reader?.by('song').compile()
      expect.assert(statement !== undefined)
      await db.withSession(async (session) => {
        await run(session, `set role ${role}`, `insert into plays values (7, now(), 1, 'a', 1)`)
        const { rows } = await session.query(sql`select listeners::int from song_plays where song = 7`)
        expect(rows).toEqual([{ listeners: 1 }])
        expect((await session.query(statement)).rows).toHaveLength(4)
        await run(session, 'reset role')
      })
      for (const column of ['listener', 'amount', 'kind']) {
        await expect(run(db, `alter table plays drop column ${column}`)).rejects.toMatchObject({ code: '2BP01' })
      }
    } finally {
      await run(
        db,
        `reassign owned by ${owner} to current_user`,
        `drop owned by ${role}, ${owner}`,
        `drop role ${role}, ${owner}`,
      )
    }
  })
})
