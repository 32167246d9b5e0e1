// A step for partitions that failed, or whose runner was killed, is never repeated as it was: the next apply plans anew, from
// what is there and what is wanted by then. And what is declared of an index never becomes another statement.

import { beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { Db } from '../../src/db/db.ts'
import { partitionsJob } from '../../src/partitions/jobs.ts'
import type { PartitionIndex } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions } from '../support/postgres.ts'
import { applyTables, declare, partitionNames } from './support.ts'

const at = new Date('2026-01-15T12:00:00Z')
const plain: PartitionIndex = {
  name: 'by_note',
  on: 'note',
  unique: false,
  method: 'btree',
  where: undefined,
  include: [],
  with: {},
}
const once: PartitionIndex = { ...plain, name: 'once', unique: true }

describe.each(versions)('an unfinished step on PostgreSQL %d', (version) => {
  let db: Db
  beforeEach(async () => {
    const database = await testDatabase(version)
    db = database.db
    await db.query(sql`create table plays (at timestamptz not null, note text) partition by range (at)`)
    await applyTables(db, [declare({ ahead: 2 })], { at })
    await db.query(sql`insert into plays values ('2026-02-20', 'same'), ('2026-02-21', 'same')`)
    await expect(applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })).rejects.toMatchObject({
      code: 'APPLY_FAILED',
    })
    expect(await indexes()).toEqual(['plays_2026_01_once true'])
    return () => database.close()
  })

  const indexes = async (): Promise<readonly string[]> => {
    const { rows } = await db.query<{ line: string }>(sql`
      select concat_ws(' ', x.relname, i.indisvalid) as line
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      where x.relname like 'plays%'
      order by 1`)
    return rows.map(({ line }) => line.replace(/ t$/, ' true').replace(/ f$/, ' false'))
  }

  test('whose index nobody wants any more does not keep others from being done', async () => {
    const { titles } = await applyTables(db, [declare({ ahead: 2, indexes: [plain] })], { at })
    expect(titles[0]).toBe('Index "by_note" of 3 partitions of table public.plays')
  })

  test('whose partition is gone does not either; the rest is done', async () => {
    await db.query(sql`drop table plays_2026_02`)
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    expect(await indexes()).toEqual(['plays_2026_01_once true', 'plays_2026_02_once true', 'plays_2026_03_once true'])
  })

  test('goes on once its cause is gone, and builds nothing twice', async () => {
    await db.query(sql`delete from plays`)
    const before = await oidOf('plays_2026_01_once')
    const { titles } = await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    expect(titles[0]).toBe('Index "once" of 2 partitions of table public.plays')
    expect(await oidOf('plays_2026_01_once')).toBe(before)
  })

  const oidOf = async (name: string): Promise<number | undefined> =>
    (await db.query<{ oid: number }>(sql`select to_regclass(${name})::oid as oid`)).rows[0]?.oid

  test('that ended between the old index and the name of the new one is ended by the name alone', async () => {
    await db.query(sql`truncate plays`)
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    await db.query(sql`alter index plays_2026_03_once rename to plays_2026_03_once_new`)
    const before = await oidOf('plays_2026_03_once_new')
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    expect(await oidOf('plays_2026_03_once')).toBe(before)
  })

  test('that ended before its index had a comment builds it anew, and takes it for nobody else’s', async () => {
    await db.query(sql`truncate plays`)
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    await db.query(sql`alter index plays_2026_03_once rename to plays_2026_03_once_new`)
    await db.query(sql`comment on index plays_2026_03_once_new is null`)
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    expect(await indexes()).toEqual(['plays_2026_01_once true', 'plays_2026_02_once true', 'plays_2026_03_once true'])
    const { rows } = await db.query(sql`
      select count(*)::int4 as ours from pg_index where obj_description(indexrelid) like 'pgstrata %'`)
    expect(rows).toEqual([{ ours: 3 }])
  })

  test('that ended while the new index was built leaves none behind', async () => {
    await db.query(sql`truncate plays`)
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    await db.query(sql`insert into plays values ('2026-03-20', 'same'), ('2026-03-21', 'other')`)
    await expect(
      db.query(sql`create unique index concurrently plays_2026_03_once_new on plays_2026_03 ((length(note) * 0))`),
    ).rejects.toMatchObject({ code: '23505' })
    await applyTables(db, [declare({ ahead: 2, indexes: [once] })], { at })
    expect(await indexes()).toEqual(['plays_2026_01_once true', 'plays_2026_02_once true', 'plays_2026_03_once true'])
  })

  test.each([
    ['that ends the statement', { on: 'note); drop table plays; --' }],
    ['that is none', { on: 'note desc desc' }],
    ['whose condition ends the statement', { where: 'note is not null; drop table plays' }],
  ])('an index %s is held back, and the job makes nothing with it', async (_what, said) => {
    const declared = declare({ ahead: 4, indexes: [{ ...plain, ...said }] })
    const { held, titles } = await applyTables(db, [declared], { at })
    expect([held, titles]).toMatchObject([[{ why: expect.stringContaining('its index "by_note"') }], []])
    const outcome = await partitionsJob({
      tables: [declared],
      ladder: { firstTimeoutMs: 30, lastTimeoutMs: 60, tries: 3, concurrentTimeoutMs: 5_000 },
    }).run({
      db,
      tick: new Date(),
      attempt: 1,
      fence: 1,
      signal: new AbortController().signal,
      clock: systemClock,
      random: () => 0.5,
      logger: silentLogger,
      confirm: () => Promise.resolve(),
    })
    expect(outcome).toMatchObject({ did: '', warnings: [expect.stringContaining('its index "by_note"')] })
    expect(await partitionNames(db, 'plays')).toHaveLength(3)
  })
})
