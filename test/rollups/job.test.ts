// The job that merges: for a minute, once a second while there is something to merge, and less often while there is nothing.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { insertRollup } from '../../src/rollups/kept/queries.ts'
import { sql } from '../../src/sql/sql.ts'
import { fakeClock, type FakeClock } from '../support/fake-clock.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { runJob } from './job-support.ts'
import { install, rollupOf, run } from './support.ts'

describeOnEachVersion('the job that merges', (_version, database) => {
  test('goes on for a minute, quickly while there is something, and tells of one that fails', async () => {
    const { db } = database()
    await db.withSession((session) => ensureInstalled(session))
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
    const rollups = [rollupOf(), rollupOf({ name: 'broken', bucket: undefined, by: [] })]
    const shapes = await install(db, rollups)
    await run(
      db,
      ...shapes.map((shape) => insertRollup(shape, 'live')),
      'alter table broken_merged add check (row_count < 0)',
    )
    const clock = fakeClock()
    let pauses = 0
    const sleeping: FakeClock = {
      ...clock,
      sleep: async (delayMs) => {
        // Somebody writes while it pauses, three times.
        if (++pauses <= 3) await run(db, `insert into plays values (1, '2026-01-01', 1)`)
        await clock.sleep(delayMs)
      },
    }
    const outcome = await runJob(db, rollups, sleeping)
    expect(outcome).toMatchObject({ did: '3 changes merged in 3 merges' })
    expect(outcome.warnings).toEqual([
      expect.stringMatching(
        /^rollup broken: .*; see to what it says.* \(5 times in a row, tried again 1 min 0 s later\)$/,
      ),
    ])
    // Idle at first, then a change in each of three pauses, then idle again; the other is tried after 1, 2, 4 and 8 seconds.
    expect(clock.slept.slice(0, 7)).toEqual([2_000, 1_000, 1_000, 1_000, 2_000, 2_000, 2_000])
    expect(clock.slept.at(-1)).toBe(5_000)
    const total = clock.slept.reduce((sum, one) => sum + one, 0)
    expect(total).toBeGreaterThan(50_000)
    expect(total).toBeLessThan(60_000)
    expect((await db.query(sql`select plays::int as n from song_plays`)).rows).toEqual([{ n: 3 }])
  })

  test('gives the pages of a large merge back', async () => {
    const { db } = database()
    await run(db, 'create table many (song int, at timestamptz not null, amount numeric)')
    const rollup = rollupOf({ name: 'of_many', table: 'many' })
    const [shape] = await install(db, [rollup])
    expect.assert(shape !== undefined)
    const bytes = async (): Promise<unknown> =>
      (await db.query(sql`select pg_relation_size('pgstrata.of_many_delta')::int as bytes`)).rows
    await run(
      db,
      insertRollup(shape, 'live'),
      `insert into many select n, '2026-01-01', 1 from generate_series(1, 20000) n`,
    )
    expect(await bytes()).not.toEqual([{ bytes: 0 }])
    await runJob(db, [rollup], fakeClock())
    expect(await bytes()).toEqual([{ bytes: 0 }])
  })

  test('takes up partitions that were made by hand', async () => {
    const { db } = database()
    await run(
      db,
      'create table shards (song int, at timestamptz not null, amount numeric) partition by hash (song)',
      'create table shards_0 partition of shards for values with (modulus 2, remainder 0)',
    )
    const rollup = rollupOf({ name: 'of_shards', table: 'shards' })
    const shapes = await install(db, [rollup])
    await run(
      db,
      ...shapes.map((shape) => insertRollup(shape, 'live')),
      'create table shards_1 partition of shards for values with (modulus 2, remainder 1)',
    )
    expect(await runJob(db, [rollup], fakeClock())).toMatchObject({ did: '1 new partition watched', warnings: [] })
    await run(
      db,
      `insert into shards select n, '2026-01-01', 1 from generate_series(1, 50) n`,
      'delete from shards_1',
      'truncate shards_0',
    )
    expect((await db.query(sql`select from of_shards`)).rowCount).toBe(0)
    expect(await runJob(db, [rollup], fakeClock())).toMatchObject({ did: expect.not.stringContaining('watched') })
  })
})
