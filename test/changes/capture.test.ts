// What a capture notes: the key of every changed row, before and after, whoever changes it and however.

import { expect, test } from 'vitest'
import {
  captureStatements,
  consume,
  consumptionSettings,
  countPending,
  logOf,
  wasTruncated,
  type Capture,
} from '../../src/changes/capture/index.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'

let captures = 0

async function install(
  db: Db,
  table: string,
  columns: readonly string[],
  level: Capture['level'] = 'statement',
): Promise<Capture> {
  const capture: Capture = { id: `t${++captures}`, schema: 'public', table, columns, level }
  const { prepare, install: triggers } = captureStatements(capture)
  for (const statement of [...prepare, ...triggers]) await db.query(sql.raw(statement))
  return capture
}

/** The keys noted, each as 'a,b', in the order of their text; they are gone afterwards. */
async function takeNotes(db: Db, capture: Capture): Promise<readonly string[]> {
  const list = capture.columns.map((_, index) => `k${index}`).join(", ',', ")
  const { rows } = await db.query<{ key: string }>(
    sql.raw(
      `with taken as (delete from ${logOf(capture)} returning *) select concat(${list}) as key from taken order by 1`,
    ),
  )
  return rows.map((row) => row.key)
}

async function prepare({ db }: TestDatabase): Promise<void> {
  await db.query(sql`create schema pgstrata`)
}

describeOnEachVersion(
  'a capture',
  (version, database) => {
    test('notes inserted, changed and deleted rows by their key before and after', async () => {
      const { db } = database()
      await db.query(sql`create table "Odd Table" ("the ID" int primary key, "when" date, note text)`)
      const capture = await install(db, 'Odd Table', ['the ID', 'when'])
      const noted = async (statement: string): Promise<readonly string[]> => {
        await db.query(sql.raw(statement))
        return await takeNotes(db, capture)
      }
      expect(await noted(`insert into "Odd Table" values (1, '2026-01-01'), (2, '2026-01-02')`)).toEqual([
        '1,2026-01-01',
        '2,2026-01-02',
      ])
      expect(await noted(`update "Odd Table" set note = 'x' where "the ID" = 1`)).toEqual(['1,2026-01-01'])
      expect(await noted(`update "Odd Table" set "when" = '2026-02-01' where "the ID" = 1`)).toEqual([
        '1,2026-01-01',
        '1,2026-02-01',
      ])
      expect(await noted(`update "Odd Table" set "the ID" = 3 where "the ID" = 2`)).toEqual([
        '2,2026-01-02',
        '3,2026-01-02',
      ])
      expect(
        await noted(
          `insert into "Odd Table" values (1, '2026-03-01'), (4, '2026-03-01') on conflict ("the ID") do update set "when" = excluded."when"`,
        ),
      ).toEqual(['1,2026-02-01', '1,2026-03-01', '4,2026-03-01'])
      expect(await noted(`delete from "Odd Table" where "the ID" in (1, 3)`)).toEqual(['1,2026-03-01', '3,2026-01-02'])
      expect(await noted(`update "Odd Table" set note = 'y' where false`)).toEqual([])
      expect(await noted(`insert into "Odd Table" select 9, '2026-01-01' where false`)).toEqual([])
    })

    test('notes what a foreign key cascades, what runs as a replica does, and with no search_path', async () => {
      const { db } = database()
      await db.query(sql`create table owner (id int primary key)`)
      await db.query(sql`create table owned (id int primary key, owner int references owner on delete cascade)`)
      await db.query(sql`insert into owner values (1), (2)`)
      await db.query(sql`insert into owned values (10, 1), (11, 1), (12, 2)`)
      const capture = await install(db, 'owned', ['id'])
      await db.query(sql`delete from owner where id = 1`)
      expect(await takeNotes(db, capture)).toEqual(['10', '11'])
      await db.withSession(async (session) => {
        await session.query(sql.raw(`begin; set local session_replication_role = replica; set local search_path = ''`))
        await session.query(sql`insert into public.owned values (13, 2)`)
        await session.query(sql`commit`)
      })
      expect(await takeNotes(db, capture)).toEqual(['13'])
    })

    test('asks no privilege of those who write', async () => {
      const { db } = database()
      const role = `writer_${version}_${database().name}`
      await db.query(sql`create table plain (id int primary key)`)
      const capture = await install(db, 'plain', ['id'])
      await db.query(sql`create role ${sql.ident(role)}`)
      try {
        await db.query(sql`grant insert on plain to ${sql.ident(role)}`)
        await db.withSession(async (session) => {
          await session.query(sql.raw(`begin; set local role "${role}"`))
          await session.query(sql`insert into plain values (1)`)
          await session.query(sql`commit`)
        })
        expect(await takeNotes(db, capture)).toEqual(['1'])
      } finally {
        await db.query(sql`drop owned by ${sql.ident(role)}`)
        await db.query(sql`drop role ${sql.ident(role)}`)
      }
    })

    test('tells that the table was truncated', async () => {
      const { db } = database()
      await db.query(sql`create table emptied (id int primary key)`)
      const capture = await install(db, 'emptied', ['id'])
      expect(await wasTruncated(db, capture)).toBe(false)
      await db.query(sql`truncate emptied`)
      expect(await wasTruncated(db, capture)).toBe(true)
    })

    test('by row: notes what reaches a partition through its parent, and rows that move in and out', async () => {
      const { db } = database()
      await db.query(sql`create table parted (id int, at int) partition by range (at)`)
      await db.query(sql`create table parted_low partition of parted for values from (0) to (10)`)
      await db.query(sql`create table parted_rest partition of parted default`)
      const capture = await install(db, 'parted_rest', ['id', 'at'], 'row')
      await db.query(sql`insert into parted values (1, 5), (2, 15), (3, 25)`)
      expect(await takeNotes(db, capture)).toEqual(['2,15', '3,25'])
      await db.query(sql`update parted set at = 6 where id = 2`)
      await db.query(sql`update parted set at = 26 where id in (1, 3)`)
      expect(await takeNotes(db, capture)).toEqual(['1,26', '2,15', '3,25', '3,26'])
      await db.query(sql`truncate parted_rest`)
      expect(await wasTruncated(db, capture)).toBe(true)
    })

    test('by row: notes keys of a type whose operators no search_path finds', async () => {
      const { db } = database()
      await db.query(sql`create schema trees`)
      await db.query(sql`create extension ltree schema trees`)
      await db.query(sql`create table branches (id trees.ltree primary key, at int)`)
      const capture = await install(db, 'branches', ['id'], 'row')
      await db.query(sql`insert into branches values ('a.b', 1)`)
      await db.query(sql`update branches set at = 2`)
      await db.query(sql`update branches set id = 'a.c'`)
      expect(await takeNotes(db, capture)).toEqual(['a.b', 'a.b', 'a.b', 'a.c'])
    })

    test('is gone without a trace', async () => {
      const { db } = database()
      await db.query(sql`create table left_alone (id int primary key)`)
      const capture = await install(db, 'left_alone', ['id'])
      const { uninstall, remove } = captureStatements(capture)
      for (const statement of [...uninstall, ...remove]) await db.query(sql.raw(statement))
      const { rows } = await db.query(sql`
        select proname from pg_proc where proname like ${`capture_${capture.id}%`}
        union all
        select relname from pg_class where relname like ${`capture_${capture.id}%`}
        union all
        select tgname from pg_trigger where tgrelid = 'left_alone'::regclass`)
      expect(rows).toEqual([])
    })

    test('a note of a transaction that began early and commits late is not lost', async () => {
      const { db, url } = database()
      await db.query(sql`create table late (id int primary key, at int)`)
      await db.query(sql`create table late_copy (like late including all)`)
      const capture = await install(db, 'late', ['id'])
      const writers = openDb({ url })
      await writers.withSession(async (early) => {
        await early.query(sql.raw(`begin; insert into late values (1, 1)`))
        await db.query(sql`insert into late values (2, 2)`)
        expect(await consumeAll(db, capture, 'late_copy')).toBe(1)
        await early.query(sql`commit`)
      })
      await writers.close()
      expect(await countPending(db, capture, 10)).toBe(1)
      expect(await consumeAll(db, capture, 'late_copy')).toBe(1)
      const { rows } = await db.query(sql`select id from late_copy order by id`)
      expect(rows).toEqual([{ id: 1 }, { id: 2 }])
    })
  },
  prepare,
)

async function consumeAll(db: Db, capture: Capture, copy: string): Promise<number> {
  return await db.withSession(async (session: Session) => {
    await session.query(
      sql.raw(
        `begin isolation level repeatable read; ${consumptionSettings}; lock table ${capture.table} in access share mode`,
      ),
    )
    const taken = await consume(session, {
      capture,
      into: { schema: 'public', table: copy },
      columns: ['id', 'at'],
      limit: undefined,
    })
    await session.query(sql`commit`)
    return taken
  })
}
