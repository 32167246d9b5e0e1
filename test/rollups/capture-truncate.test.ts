// TRUNCATE has no transition table: what goes is subtracted under its lock, once on whatever level.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { differences, install, patience, rollupOf, run } from './support.ts'

const noon = `'2026-03-29 12:00+00'`

describe.each(versions)('TRUNCATE on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      `create table plays (song int, at timestamptz not null, amount numeric, kind text default 'a') partition by range (at)`,
      `create table plays_old partition of plays for values from (minvalue) to ('2026-01-01') partition by range (at)`,
      `create table plays_old_0 partition of plays_old default`,
      `create table plays_new partition of plays for values from ('2026-01-01') to (maxvalue)`,
      `insert into plays (song, at, amount) select n % 5, '2024-12-30'::timestamptz + n * interval '1 week', n from generate_series(1, 100) n`,
    )
  })
  afterEach(() => database.close())

  const rollups = [rollupOf(), rollupOf({ name: 'by_kind', bucket: undefined, by: ['kind'] })]

  test.each(['repeatable read', 'serializable'])(
    'TRUNCATE under %s is refused, and says what to do',
    async (isolation) => {
      const shapes = await install(db, rollups)
      await db.withSession(async (session) => {
        await run(session, `begin isolation level ${isolation}`)
        const error: unknown = await run(session, 'truncate plays').catch((caught: unknown) => caught)
        expect(error).toMatchObject({ code: '0A000', hint: expect.stringContaining('READ COMMITTED') })
        await run(session, 'rollback', 'begin isolation level read uncommitted', 'truncate plays', 'commit')
      })
      expect(await differences(db, ...shapes)).toEqual([])
    },
  )

  test('a TRUNCATE subtracts what others committed while it waited for its lock', async () => {
    const shapes = await install(db, rollups)
    await db.withSession(async (other) => {
      await run(other, 'begin', `insert into plays (song, at, amount) values (1, ${noon}, 5)`)
      await db.withSession(async (session) => {
        await run(session, 'begin', 'select 1')
        const truncating = run(session, 'truncate plays', 'commit')
        await waitUntil(
          async () =>
            (await db.query(sql`select from pg_locks where pid = ${session.pid} and not granted`)).rowCount > 0,
          { what: 'TRUNCATE to wait' },
        )
        await run(other, 'commit')
        await truncating
      })
    })
    expect(await differences(db, ...shapes)).toEqual([])
    for (const shape of shapes) await db.withSession((session) => mergeRollup(session, shape, patience))
    expect((await db.query(sql`select from song_plays_merged`)).rowCount).toBe(0)
  })
})
