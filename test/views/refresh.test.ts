// Refreshing: each behind what it reads, one at a time, as readers can bear it, with the note of when it was true; and what
// becomes of the rest where one fails or is killed.

import { describe, expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { viewLockArguments } from '../../src/views/names.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { genreStats, openBench, plays, type Bench } from './support.ts'

const holdLock = (of: string): ReturnType<typeof sql.raw> =>
  sql.raw(`select pg_advisory_xact_lock(${viewLockArguments(`'${of}'::regclass::oid`)})`)

/** The names tell nothing of the order: c reads a through a view and a materialized view of others, and b is told to wait for c. */
async function chain(bench: Bench): ReturnType<Bench['apply']> {
  await bench.run('create table source (n int)', 'insert into source values (1)')
  await bench.apply({ z_first: { sql: 'select n from source', unique: ['n'], tags: ['x'] } })
  await bench.run(
    'create view between_1 as select n from z_first',
    'create materialized view between_2 as select n from between_1',
  )
  return await bench.apply({
    z_first: { sql: 'select n from source', unique: ['n'], tags: ['x'] },
    m_second: { sql: 'select n from between_2', unique: ['n'], tags: ['x', 'y'] },
    a_third: { sql: 'select count(*)::int as n from source', dependsOn: ['m_second'] },
  })
}

describe.each(versions)('refreshing views on PostgreSQL %d', (version) => {
  test('goes by what reads what, through what is of others, and by dependsOn', async () => {
    const bench = await openBench(version)
    const strata = await chain(bench)
    const progress: unknown[] = []
    const done = await strata.views.refresh({ onProgress: (told) => progress.push(told) })
    expect(done.map(({ name, outcome, how }) => [name, outcome, how])).toEqual([
      ['z_first', 'refreshed', 'concurrently'],
      ['m_second', 'refreshed', 'concurrently'],
      ['a_third', 'refreshed', 'plainly'],
    ])
    expect(progress).toEqual([
      { name: 'z_first', done: 0, total: 3 },
      { name: 'm_second', done: 1, total: 3 },
      { name: 'a_third', done: 2, total: 3 },
    ])
    const namesOf = async (how: Parameters<typeof strata.views.refresh>[0]): Promise<readonly string[]> =>
      (await strata.views.refresh(how)).map(({ name }) => name)
    expect(await namesOf({ tags: ['y'] })).toEqual(['m_second'])
    expect(await namesOf({ tags: ['x'] })).toEqual(['z_first', 'm_second'])
    expect(await namesOf({ names: ['a_third'], tags: ['y'] })).toEqual(['m_second', 'a_third'])
    expect(await namesOf({ names: [], tags: [] })).toEqual([])
    await expect(strata.views.refresh({ names: ['nothing'] })).rejects.toMatchObject({ code: 'VIEW_UNKNOWN' })
    const [, second] = await strata.views.status()
    expect(second?.findings).toMatchObject([
      { what: 'it reads materialized view between_2, which is refreshed by somebody else or not at all' },
    ])
  })

  test('one that fails keeps what it had and says why; what reads it is left out, and the others are done', async () => {
    const bench = await openBench(version)
    const strata = await chain(bench)
    await bench.run('insert into source values (1)')
    const [first, second, third] = await strata.views.refresh()
    const why =
      'two of its rows are the same in the columns of its unique index: declare others under `unique`, or mend its sql'
    expect(first).toMatchObject({ name: 'z_first', outcome: 'failed', why })
    expect(second).toMatchObject({ name: 'm_second', outcome: 'skipped', why: 'z_first, which it reads, failed' })
    // Told by hand that it depends.
    expect(third).toMatchObject({ name: 'a_third', outcome: 'skipped', why: 'm_second, which it reads, failed' })
    expect(await bench.rows('table z_first')).toEqual([{ n: 1 }])
    const [status] = await strata.views.status('z_first')
    expect(status).toMatchObject({
      state: 'live',
      lastError: why,
      findings: [{ what: `its last refresh failed: ${why}` }],
    })
    expect((await strata.views.refresh({ names: ['z_first'], concurrently: false }))[0]).toMatchObject({
      outcome: 'failed',
      why,
    })
    expect((await strata.views.refresh({ names: ['a_third'] }))[0]).toMatchObject({ outcome: 'refreshed' })
    await bench.run('delete from source', 'insert into source values (5)')
    expect((await strata.views.refresh()).map(({ outcome }) => outcome)).toEqual([
      'refreshed',
      'refreshed',
      'refreshed',
    ])
    expect(await strata.views.status('z_first')).toMatchObject([{ lastError: null, findings: [] }])
  })

  test('quotes no value of a row', async () => {
    const bench = await openBench(version)
    await bench.run('create table source (secret text)')
    const strata = await bench.apply({ numbers: { sql: 'select secret::int as n from source' } })
    await bench.run(`insert into source values ('hunter2')`)
    expect(await strata.views.refresh()).toMatchObject([
      { outcome: 'failed', why: 'the server refused a value (SQLSTATE 22P02)' },
    ])
    expect(JSON.stringify(await bench.rows('table pgstrata.view'))).not.toContain('hunter2')
  })

  test('never two of one view at once: the second leaves it, here and from SQL', async () => {
    const bench = await openBench(version)
    const strata = await chain(bench)
    await bench.db.withSession(async (holder) => {
      await holder.query(sql`begin`)
      await holder.query(holdLock('z_first'))
      expect((await strata.views.refresh()).map(({ name, outcome }) => [name, outcome])).toEqual([
        ['z_first', 'busy'],
        ['m_second', 'refreshed'],
        ['a_third', 'refreshed'],
      ])
      expect(await bench.rows('select pgstrata.refresh_all_materialized_views() as n')).toEqual([{ n: 2 }])
      await holder.query(sql`rollback`)
    })
    expect((await strata.views.refresh()).map(({ outcome }) => outcome)).toEqual([
      'refreshed',
      'refreshed',
      'refreshed',
    ])
  })

  test('readers go on where there is a unique index, and plainly a reader is not queued behind for long', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const views = { with_key: genreStats, without: { sql: genreStats.sql } }
    await bench.apply(views)
    const strata = bench.strata(views, {
      migrations: { lockTimeout: { first: '10ms', last: '10ms', tries: 2 } },
    })
    await bench.db.withSession(async (reader) => {
      await reader.query(sql`begin`)
      await reader.query(sql`select from with_key, without`)
      expect(await strata.views.refresh()).toMatchObject([
        { name: 'with_key', outcome: 'refreshed', how: 'concurrently' },
        { name: 'without', outcome: 'failed', why: 'its lock was not to be had in time' },
      ])
      await reader.query(sql`commit`)
    })
    expect(await strata.views.refresh({ concurrently: true })).toMatchObject([
      { name: 'with_key', outcome: 'refreshed' },
      {
        name: 'without',
        outcome: 'failed',
        why: 'it has no unique index on plain columns and all rows, which CONCURRENTLY needs: declare `unique`',
      },
    ])
    expect(await strata.views.refresh({ concurrently: false })).toMatchObject([{ how: 'plainly' }, { how: 'plainly' }])
    // What looks like a unique index, and is none for this.
    await bench.run(
      'create unique index on without (lower(genre))',
      `create unique index on without (genre) where genre <> ''`,
      'refresh materialized view with_key with no data',
    )
    expect(await strata.views.status()).toMatchObject([
      { findings: [{ what: 'it was never filled, and cannot be read' }] },
      { findings: [{ what: 'no unique index: readers wait while it is refreshed' }] },
    ])
    expect(await strata.views.refresh()).toMatchObject([
      { name: 'with_key', outcome: 'refreshed', how: 'plainly' },
      { name: 'without', outcome: 'refreshed', how: 'plainly' },
    ])
  })

  test('says when it was true: not before what it saw, and not after what it did not', async () => {
    const bench = await openBench(version)
    await bench.run('create table source (at timestamptz default clock_timestamp())')
    const strata = await bench.apply({ seen: { sql: 'select at from source', unique: ['at'] } })
    await bench.run('insert into source default values')
    await strata.views.refresh()
    await bench.run('insert into source default values')
    expect(
      await bench.rows(`select last_refreshed > (select min(at) from source) as after_what_it_saw,
          last_refreshed < (select max(at) from source) as before_what_it_did_not, row_count::int as rows, refresh_ms >= 0 as timed
        from pgstrata.view`),
    ).toEqual([{ after_what_it_saw: true, before_what_it_did_not: true, rows: 1, timed: true }])
  })

  test.each(['connection', 'signal'])(
    'one that is killed half-way (%s) leaves the view as it was, and nothing noted',
    async (by) => {
      const bench = await openBench(version)
      await bench.run('create table source (n int)')
      const views = { slow: { sql: 'select n from source', unique: ['n'] } }
      await bench.apply(views)
      const before = await bench.rows('table pgstrata.view')
      await bench.run('insert into source values (1)')
      await bench.db.withSession(async (holder) => {
        // The refresh waits for the source, with the lock of the view in its hand.
        await holder.query(sql`begin`)
        await holder.query(sql`lock table source in access exclusive mode`)
        const stop = new AbortController()
        const refreshing = bench.strata(views).views.refresh({ signal: stop.signal })
        const ended = refreshing.then(
          () => 'refreshed',
          (error: unknown) => (error as { code?: string }).code,
        )
        const watcher = openDb({ url: bench.url })
        const pid = await waitUntil(
          async () =>
            (
              await watcher.query<{ pid: number }>(
                sql`select pid from pg_stat_activity where wait_event_type = 'Lock' and query like 'refresh materialized%' and datname = current_database()`,
              )
            ).rows[0]?.pid,
          { what: 'the refresh to wait' },
        )
        if (by === 'signal') stop.abort()
        else await watcher.query(sql`select pg_terminate_backend(${pid}, 10000)`)
        expect(await ended).toBe(by === 'signal' ? 'INTERRUPTED' : '57P01')
        await watcher.close()
        await holder.query(sql`rollback`)
      })
      expect(await bench.rows('table slow')).toEqual([])
      expect(await bench.rows('table pgstrata.view')).toEqual(before)
      expect(await bench.strata(views).views.refresh()).toMatchObject([{ outcome: 'refreshed', rows: 1 }])
    },
  )
})
