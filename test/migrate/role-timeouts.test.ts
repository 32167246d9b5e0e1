// The timeouts of an application's role do not end structural work. Everything here lasts longer than they allow.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { applyPlan } from '../../src/plan/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

/** What the connection does before it is prepared (a look at the server) has to be through by then. */
const timeout = '1s'
const longer = 'pg_sleep(1.2)'

describe.each(versions)('timeouts of the role on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let role: string
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    role = `hasty_${database.name}`
    await database.db.query(
      sql.raw(`create role ${role} login;
      grant create on database ${database.name} to ${role};
      create schema app authorization ${role};
      create function slowly(n int) returns int language plpgsql immutable as $$ begin
        perform ${longer};
        return n;
      end $$`),
    )
    db = openDb({ url: Object.assign(new URL(database.url), { username: role }).href })
  })
  afterEach(async () => {
    await db.close()
    await database.db.query(sql.raw(`drop owned by ${role}; drop role ${role}`))
    await database.close()
  })

  const settings: readonly string[] = ['statement_timeout', ...(version >= 17 ? ['transaction_timeout'] : [])]

  // There is none before 17.
  test.each(version < 17 ? [] : [version])(
    'transaction_timeout ends nothing of a migration, in SQL or code',
    async () => {
      await database.db.query(sql`alter role ${sql.ident(role)} set transaction_timeout to ${sql.literal(timeout)}`)
      await expect(db.query(sql.raw(`select ${longer}`))).rejects.toMatchObject({ code: '25P04' })
      const folder = await openMigrations(db, {
        '0001_inside.sql': `create table app.song (n int);\ninsert into app.song values (1);\nselect ${longer};`,
        '0002_outside.sql': 'create index concurrently song_idx on app.song (slowly(n));',
        '0003_code.mjs': `export async function up({ query, sql }) { await query(sql\`select ${longer}\`) }`,
        '0004_outside.mjs': `export const transaction = false
export async function up({ query, backfill, sql }) {
  await query(sql\`alter table app.song add primary key (n), add n2 int\`)
  await backfill({ table: ['app', 'song'], set: sql\`n2 = slowly(n)\` })
}`,
      })
      expect((await folder.migrate.up()).ran).toHaveLength(4)
      expect((await db.query(sql`select n, n2 from app.song`)).rows).toEqual([{ n: 1, n2: 1 }])
      await folder.close()
    },
  )

  test.each(settings)('%s ends no step of a plan', async (setting) => {
    await database.db.query(sql`alter role ${sql.ident(role)} set ${sql.ident(setting)} to ${sql.literal(timeout)}`)
    const step = { title: 'Slow', statements: ['create table app.shelf (n int)', `select ${longer}`], undo: null }
    const { applied } = await applyPlan({
      db,
      contribute: () => Promise.resolve([{ feature: 'test', steps: [step], manages: [] }]),
      ladder: { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 3, concurrentTimeoutMs: 10_000 },
      waitMs: 5_000,
      clock: systemClock,
      random: () => 0.5,
    })
    expect(applied.map(({ title }) => title)).toContain('Slow')
    expect((await db.query(sql`select from app.shelf`)).rowCount).toBe(0)
  })
})
