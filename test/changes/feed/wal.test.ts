// What the feed says of changes, from the WAL.

import { afterEach, expect, test } from 'vitest'
import { readCaptured, type Feed } from '../../../src/changes/feed/index.ts'
import { readFeedState } from '../../../src/changes/feed/status.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import {
  brief,
  caughtUp,
  createEar,
  prepareFeed,
  startFeed,
  stopFeeds,
  type Ear,
  type FeedSettings,
} from './support.ts'

describeOnEachVersion(
  'the feed from the WAL',
  (_version, database) => {
    const feeds: Feed[] = []
    afterEach(async () => {
      await stopFeeds(database(), feeds.splice(0))
    })
    const start = async (tables: readonly string[], settings: Partial<FeedSettings> = {}): Promise<Ear> => {
      const ear = createEar()
      const declared = tables.map((table) => ({ schema: 'public', table }))
      feeds.push(await startFeed(database(), ear, { tables: declared, ...settings }))
      await waitUntil(() => ear.resets.length > 0 || ear.progress, { what: 'the feed has begun' })
      return ear
    }
    const run = async (text: string): Promise<void> => void (await database().db.query(sql.raw(text)))

    test('says of each change what became of which row, and what it was called before', async () => {
      await run(`create table "Odd Table" ("the ID" int, part text, note text, primary key ("the ID", part))`)
      const ear = await start(['Odd Table'])
      await run(`insert into "Odd Table" values (1, 'a', 'x'), (2, 'b', null)`)
      await run(`update "Odd Table" set note = 'y' where "the ID" = 1`)
      await run(`update "Odd Table" set part = 'c' where "the ID" = 2`)
      await run(`delete from "Odd Table" where "the ID" = 1`)
      await run(`truncate "Odd Table"`)
      await caughtUp(database(), ear)
      const odd = { schema: 'public', table: 'Odd Table', unchanged: [], keyBefore: undefined }
      expect(ear.heard.map(({ change }) => change)).toEqual([
        { ...odd, kind: 'insert', key: { 'the ID': '1', part: 'a' }, row: { 'the ID': '1', part: 'a', note: 'x' } },
        { ...odd, kind: 'insert', key: { 'the ID': '2', part: 'b' }, row: { 'the ID': '2', part: 'b', note: null } },
        { ...odd, kind: 'update', key: { 'the ID': '1', part: 'a' }, row: { 'the ID': '1', part: 'a', note: 'y' } },
        {
          ...odd,
          kind: 'update',
          key: { 'the ID': '2', part: 'c' },
          keyBefore: { 'the ID': '2', part: 'b' },
          row: { 'the ID': '2', part: 'c', note: null },
        },
        { ...odd, kind: 'delete', key: { 'the ID': '1', part: 'a' }, row: undefined },
        { ...odd, kind: 'truncate', key: undefined, row: undefined },
      ])
      expect(new Set(ear.heard.map(({ id }) => id)).size).toBe(6)
    })

    test('a large value that did not change is named, and not made up', async () => {
      await run(`create table large (id int primary key, n int, body text)`)
      await run(`alter table large alter body set storage external`)
      const ear = await start(['large'])
      await run(`insert into large values (1, 1, repeat('x', 20000))`)
      await run(`update large set n = 2`)
      await run(`alter table large replica identity full`)
      await run(`update large set n = 3`)
      await run(`delete from large`)
      await caughtUp(database(), ear)
      const [, second, third, fourth] = ear.heard.map(({ change }) => change)
      expect(second).toMatchObject({ kind: 'update', row: { id: '1', n: '2' }, unchanged: ['body'] })
      expect(second?.row).not.toHaveProperty('body')
      // The whole old row is sent, and with it the value.
      expect(third).toMatchObject({ key: { id: '1' }, keyBefore: undefined, unchanged: [] })
      expect(third?.row?.['body']).toHaveLength(20_000)
      expect(fourth).toMatchObject({ kind: 'delete', key: { id: '1' } })
    })

    test('comes in the order of commits, each commit once its last statement is through', async () => {
      await run(`create table ordered (id int primary key)`)
      const ear = await start(['ordered'])
      const { db } = database()
      await db.withSession(async (slow) => {
        await slow.query(sql`begin`)
        await slow.query(sql`insert into ordered values (1)`)
        await db.query(sql`insert into ordered values (2)`)
        await caughtUp(database(), ear)
        expect(brief(ear)).toEqual(['insert 2'])
        await slow.query(sql`insert into ordered values (3)`)
        await slow.query(sql`commit`)
        await db.query(sql`begin; insert into ordered values (4); rollback`)
      })
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(['insert 2', 'insert 1', 'insert 3'])
      expect(ear.batches.map(({ changes, isLast, seq }) => [changes.length, isLast, seq])).toEqual([
        [1, true, 0],
        [2, true, 0],
      ])
    })

    test('partitions are their root, also those that come later', async () => {
      await run(`create table parted (id int primary key, v int) partition by range (id)`)
      await run(`create table parted_1 partition of parted for values from (0) to (10)`)
      const ear = await start(['parted'])
      await run(`create table parted_2 (v int, gone int, id int not null)`)
      await run(`alter table parted_2 drop column gone`)
      await run(`alter table parted attach partition parted_2 for values from (10) to (20)`)
      await run(`insert into parted values (1, 1)`)
      await run(`insert into parted_2 (id, v) values (11, 1)`)
      await run(`update parted set id = 12 where id = 1`)
      await run(`truncate parted`)
      await caughtUp(database(), ear)
      expect(new Set(ear.heard.map(({ change }) => change.table))).toEqual(new Set(['parted']))
      // The partition may have been truncated before it got its trigger: then that is said once more.
      expect(brief(ear).slice(0, 5)).toEqual(['insert 1', 'insert 11', 'delete 1', 'insert 12', 'truncate'])
      expect(ear.heard[1]?.change.row).toEqual({ id: '11', v: '1' })
    })

    test('TRUNCATE of a single partition is told as its root, once a transaction, also of one that came later', async () => {
      await run(`create schema "Odd ""one"""`)
      await run(`create table cut (id int primary key, v int) partition by range (id)`)
      await run(`create table "Odd ""one"""."a.b" partition of cut for values from (0) to (10)`)
      await run(`create table cut_2 partition of cut for values from (10) to (20) partition by range (id)`)
      await run(`create table cut_21 partition of cut_2 for values from (10) to (15)`)
      const ear = await start(['cut'])
      await run(`truncate "Odd ""one"""."a.b"`)
      await run(`begin; insert into cut values (1), (11); truncate cut; insert into cut values (2); commit`)
      await run(`begin; truncate cut_21; rollback`)
      await run(`truncate cut_2`)
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(['truncate', 'insert 1', 'insert 11', 'truncate', 'insert 2', 'truncate'])
      expect(new Set(ear.heard.map(({ change }) => change.table))).toEqual(new Set(['cut']))
      expect(new Set(ear.heard.map(({ id }) => id)).size).toBe(6)
      // Truncated before anybody looked at it: said when it is looked at.
      ear.heard.length = 0
      await run(`create table cut_3 partition of cut for values from (20) to (30)`)
      await run(`truncate cut_3`)
      await waitUntil(() => ear.heard.length > 0, { what: 'it is found' })
      await run(`truncate cut_3`)
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(['truncate', 'truncate'])
    })

    test('a partition whose lock is not to be had is told of, and done when it is; what others write in the WAL is nothing', async () => {
      const held = { schema: 'public', table: 'held' }
      await run(`create table held (id int primary key) partition by range (id)`)
      await run(`create table held_1 partition of held for values from (0) to (10)`)
      const told = (): string[] => (feeds[0]?.status().findings ?? []).map(({ finding }) => finding)
      const ear = await database().db.withSession(async (session) => {
        await session.query(sql`begin`)
        await session.query(sql`lock table held_1 in row exclusive mode`)
        const begun = await start(['held'], { limits: { lockTimeoutMs: 50, heartbeatMs: 50 } })
        await waitUntil(() => told().length > 0, { what: 'it is told' })
        expect(told()).toEqual(['TRUNCATE of its partition public.held_1 alone is not captured yet'])
        expect((await readFeedState(database().db, [held])).findings).toHaveLength(1)
        // What the feed has passed says nothing of it until then.
        expect(await readCaptured(database().db)).not.toContainEqual(held)
        await session.query(sql`commit`)
        return begun
      })
      await waitUntil(() => told().length === 0, { what: 'it is done' })
      expect(await readCaptured(database().db)).toContainEqual(held)
      await run(`begin; select pg_logical_emit_message(true, 'pgstrata_truncate', 'no number'); commit`)
      await run(`select pg_logical_emit_message(true, 'of others', repeat('x', 100000))`)
      await run(`truncate held_1`)
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(['truncate'])
    })

    test('partitions that leave, and all when the outbox takes over, keep no trigger of ours', async () => {
      await run(`create table parting (id int primary key) partition by range (id)`)
      await run(`create table parting_1 partition of parting for values from (0) to (10)`)
      await run(`create table parting_2 partition of parting for values from (10) to (20)`)
      const triggers = async (): Promise<unknown> => {
        const { rows } = await database().db.query<{ name: string }>(sql`
          select tgrelid::regclass::text as name
          from pg_trigger
          where starts_with(tgname, 'pgstrata_feed')
            and starts_with(tgrelid::regclass::text, 'parting')
          order by 1`)
        return rows.map(({ name }) => name)
      }
      await start(['parting'], { limits: { heartbeatMs: 50 } })
      expect(await triggers()).toEqual(['parting_1', 'parting_2'])
      await run(`alter table parting detach partition parting_2`)
      await waitUntil(async () => String(await triggers()) === 'parting_1', { what: 'its trigger is gone' })
      await run(`truncate parting_2`)
      await stopFeeds(database(), feeds.splice(0))
      await start(['parting'], { source: 'outbox' })
      expect(await triggers()).toEqual([])
    })

    test('follows what DDL does to a captured table', async () => {
      await run(`create table shifting (id int primary key, a int)`)
      const ear = await start(['shifting'])
      await run(`insert into shifting values (1, 1)`)
      await run(`alter table shifting rename a to b; alter table shifting add c text default 'new'`)
      await run(`insert into shifting values (2, 2)`)
      await run(`alter table shifting drop b`)
      await run(`update shifting set c = 'old' where id = 1`)
      await caughtUp(database(), ear)
      expect(ear.heard.map(({ change }) => change.row)).toEqual([
        { id: '1', a: '1' },
        { id: '2', b: '2', c: 'new' },
        { id: '1', c: 'old' },
      ])
    })

    test('a table without replica identity keeps its updates, and only its inserts are captured, which is told', async () => {
      await run(`create table nameless (id int)`)
      await run(`create table named (id int primary key)`)
      const ear = await start(['nameless', 'named', 'nowhere'])
      await run(`insert into nameless values (1), (2)`)
      await run(`update nameless set id = 3 where id = 1`)
      await run(`delete from nameless where id = 2`)
      await run(`insert into named values (1)`)
      await caughtUp(database(), ear)
      expect(ear.heard.map(({ change }) => [change.table, change.kind, change.key])).toEqual([
        ['nameless', 'insert', undefined],
        ['nameless', 'insert', undefined],
        ['named', 'insert', { id: '1' }],
      ])
      const findings = feeds[0]?.status().findings ?? []
      expect(findings.map(({ table }) => table)).toEqual(['nameless', 'nowhere'])
    })

    test('a table that joins begins a new epoch; one that leaves does not', async () => {
      await run(`create table first (id int primary key); create table second (id int primary key)`)
      const ear = await start(['first'])
      await run(`insert into first values (1)`)
      await caughtUp(database(), ear)
      const [before] = ear.resets
      await stopFeeds(database(), feeds.splice(0))
      const both = await start(['first', 'second'])
      expect(both.resets).toEqual([{ epoch: expect.any(String), why: 'tables were added to it' }])
      expect(both.resets[0]?.epoch).not.toBe(before?.epoch)
      await stopFeeds(database(), feeds.splice(0))
      const one = await start(['second'])
      await run(`insert into first values (2)`)
      await run(`insert into second values (2)`)
      await caughtUp(database(), one)
      expect(one.resets).toEqual([])
      expect(one.heard.map(({ change }) => change.table)).toEqual(['second'])
      expect(one.batches[0]?.epoch).toBe(both.resets[0]?.epoch)
    })
  },
  prepareFeed,
)
