// Every state in which a runner can die around a statement outside a transaction, made on purpose: before it, after
// it, and half-way. The next run must end where an undisturbed one ends, and run nothing twice.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { buildLadder, classify, runScript, type Look, type ScriptState } from '../../src/plan/index.ts'
import { look } from '../../src/plan/recovery.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { blockBuild, holdSnapshot, interruptBuild, openOwner } from './recovery-support.ts'

const ladder = buildLadder({ firstTimeoutMs: 100, lastTimeoutMs: 200, tries: 3, concurrentTimeoutMs: 10_000 })

describe.each(versions)('recovery on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.query(
      sql.raw(`create table public.progress (done int, in_flight jsonb);
      create table song (id int primary key, title text);
      insert into song select g, g::text from generate_series(1, 2000) as g;
      create table part (id int) partition by range (id);
      create table part_1 partition of part for values from (0) to (10)`),
    )
  })
  afterEach(() => database.close())

  /** Runs `text` as a run would that finds `state`, and tells how often each statement was sent. */
  async function resume(text: string, state: ScriptState, on: Db = db): Promise<number[]> {
    const statements = await parseSql(text)
    const sent = statements.map(() => 0)
    await on.withSession(async (session) =>
      runScript({
        session,
        script: await Promise.all(
          statements.map(async (statement) => ({ statement, placement: await classify(statement) })),
        ),
        state,
        store: {
          progress: (done, finished) => `insert into public.progress (done) values (${finished ? 1_000 + done : done})`,
          intent: (done, before) => `insert into public.progress values (${done}, '${JSON.stringify(before)}')`,
        },
        epilogue: 'select 1',
        ladder,
        clock: systemClock,
        random: () => 0.5,
        onStatement: (_statement, number) => (sent[number] = (sent[number] ?? 0) + 1),
      }),
    )
    return sent
  }

  async function lookAt(text: string): Promise<Look> {
    const [statement] = await parseSql(text)
    const placement = statement === undefined ? undefined : await classify(statement)
    if (placement?.where !== 'outside') throw new Error(`${text} does not run outside`)
    return await db.withSession((session) => look(session, placement.effect))
  }

  const isValid = async (index: string): Promise<boolean | undefined> =>
    (
      await db.query<{ valid: boolean }>(
        sql`select indisvalid as valid from pg_index where indexrelid = to_regclass(${index})`,
      )
    ).rows[0]?.valid

  const create = 'create index concurrently song_title_idx on song (title)'

  test('killed before an index build began: it is built once', async () => {
    expect(await resume(create, { done: 0, inFlight: await lookAt(create) })).toEqual([1])
    expect(await isValid('song_title_idx')).toBe(true)
  })

  test('killed after an index was built, before that was noted: it is not built again', async () => {
    const before = await lookAt(create)
    await db.query(sql.raw(create))
    expect(await resume(`${create}; insert into song values (0, 'after')`, { done: 0, inFlight: before })).toEqual([
      0, 1,
    ])
    expect(await isValid('song_title_idx')).toBe(true)
  })

  test('killed while an index was built: the INVALID rest is dropped and it is built again', async () => {
    const before = await lookAt(create)
    await interruptBuild(db, create)
    expect(await isValid('song_title_idx')).toBe(false)
    expect(await resume(create, { done: 0, inFlight: before })).toEqual([1])
    expect(await isValid('song_title_idx')).toBe(true)
  })

  test('an INVALID index that somebody else left is dropped and built again, too', async () => {
    await interruptBuild(db, create)
    expect(await resume(create, { done: 0, inFlight: undefined })).toEqual([1])
    expect(await isValid('song_title_idx')).toBe(true)
  })

  test('an index of another builder, at work right now, is left alone', async () => {
    const blocked = await blockBuild(db, create)
    await expect(resume(create, { done: 0, inFlight: undefined })).rejects.toMatchObject({ code: 'LOCK_BUSY' })
    await blocked.release()
    expect(await isValid('song_title_idx')).toBe(true)
  })

  test.each([
    ['an index', create],
    ['what REINDEX needs on the way', 'reindex index concurrently song_title_idx'],
  ])('%s that another role builds right now, unseen by this one, is not taken for abandoned', async (_what, text) => {
    if (text !== create) await db.query(sql.raw(create))
    const before = text === create ? undefined : await lookAt(text)
    const invalid = sql`select indexrelid::regclass::text as name from pg_index where not indisvalid`
    const owner = await openOwner(database)
    const blocked = await blockBuild(db, text)
    try {
      const seen = await owner.db.query(sql`select from pg_stat_progress_create_index where index_relid is not null`)
      expect(seen.rows).toEqual([])
      const building = (await db.query(invalid)).rows
      expect(building).toHaveLength(1)
      await expect(resume(text, { done: 0, inFlight: before }, owner.db)).rejects.toMatchObject({ code: 'LOCK_BUSY' })
      expect((await db.query(invalid)).rows).toEqual(building)
    } finally {
      await blocked.release()
      await owner.close()
    }
    expect(await isValid('song_title_idx')).toBe(true)
    expect(await leftovers(db)).toBe(0)
  })

  test('an index that another role left INVALID is dropped and built again by the owner of the table', async () => {
    await interruptBuild(db, create)
    const owner = await openOwner(database)
    try {
      expect(await resume(create, { done: 0, inFlight: undefined }, owner.db)).toEqual([1])
      expect(await isValid('song_title_idx')).toBe(true)
    } finally {
      await owner.close()
    }
  })

  test('an index that stood there before is an error of the migration, not taken for ours', async () => {
    await db.query(sql.raw(create))
    await expect(resume(create, { done: 0, inFlight: await lookAt(create) })).rejects.toMatchObject({
      cause: { code: '42P07' },
    })
    expect(
      await resume(create.replace('concurrently', 'concurrently if not exists'), { done: 0, inFlight: undefined }),
    ).toEqual([1])
  })

  test('a unique index that cannot be built leaves no INVALID index behind', async () => {
    await db.query(sql`update song set title = 'same' where id < 3`)
    const unique = 'create unique index concurrently song_title_key on song (title)'
    await expect(resume(unique, { done: 0, inFlight: undefined })).rejects.toMatchObject({ cause: { code: '23505' } })
    expect(await isValid('song_title_key')).toBeUndefined()
    const { rows } = await db.query<{ flight: unknown }>(
      sql`select in_flight as flight from progress order by ctid desc limit 1`,
    )
    expect(rows).toEqual([{ flight: null }])
  })

  test('killed after an index was dropped: the drop is not repeated; killed before: it is done', async () => {
    await db.query(sql.raw(create))
    const drop = 'drop index concurrently song_title_idx'
    const before = await lookAt(drop)
    expect(await resume(drop, { done: 0, inFlight: before })).toEqual([1])
    expect(await resume(drop, { done: 0, inFlight: before })).toEqual([0])
    await expect(resume(drop, { done: 0, inFlight: undefined })).rejects.toMatchObject({ cause: { code: '42704' } })
  })

  test('killed in REINDEX CONCURRENTLY: what it left is dropped, and it runs again', async () => {
    await db.query(sql.raw(create))
    const reindex = 'reindex index concurrently song_title_idx'
    const before = await lookAt(reindex)
    await interruptBuild(db, reindex)
    expect(await leftovers(db)).toBeGreaterThan(0)
    expect(await resume(reindex, { done: 0, inFlight: before })).toEqual([1])
    expect(await leftovers(db)).toBe(0)
    expect(await isValid('song_title_idx')).toBe(true)
  })

  test('killed after, in and before DETACH CONCURRENTLY', async () => {
    const detach = 'alter table part detach partition part_1 concurrently'
    const before = await lookAt(detach)
    const reader = await holdSnapshot(db)
    const detaching = db.withSession(async (session) => {
      await session.query(sql`set lock_timeout = '300ms'`)
      await session.query(sql.raw(detach))
    })
    await expect(detaching).rejects.toMatchObject({ code: '55P03' })
    expect(
      onlyRow(
        await db.query(sql`select inhdetachpending as pending from pg_inherits where inhparent = 'part'::regclass`),
      ),
    ).toEqual({ pending: true })
    await reader.release()
    expect(await resume(detach, { done: 0, inFlight: before })).toEqual([0])
    expect((await db.query(sql`select from pg_inherits where inhparent = 'part'::regclass`)).rows).toEqual([])
    expect(await resume(detach, { done: 0, inFlight: before })).toEqual([0])
  })

  test('killed after a database was made, and after it was dropped', async () => {
    const [make, drop] = [`create database "${database.name}_2"`, `drop database "${database.name}_2"`]
    const none = await lookAt(make)
    expect(await resume(make, { done: 0, inFlight: none })).toEqual([1])
    expect(await resume(make, { done: 0, inFlight: none })).toEqual([0])
    const there = await lookAt(drop)
    expect(await resume(drop, { done: 0, inFlight: there })).toEqual([1])
    expect(await resume(drop, { done: 0, inFlight: there })).toEqual([0])
  })

  test('a SET of what was done before holds for what comes after', async () => {
    await db.query(sql.raw('create schema other; create table other.here (id int)'))
    const text = 'set search_path = other; insert into here values (1); vacuum here; insert into here values (2)'
    expect(await resume(text, { done: 3, inFlight: undefined })).toEqual([0, 0, 0, 1])
    expect((await db.query(sql`select id from other.here`)).rows).toEqual([{ id: 2 }])
  })
})

async function leftovers(db: Db): Promise<number> {
  return (await db.query(sql`select from pg_class where relname ~ '_cc(new|old)'`)).rows.length
}
