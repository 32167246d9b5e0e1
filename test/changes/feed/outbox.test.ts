// What the feed says of changes where the WAL is not decoded: from an outbox, in an order that fits every row.

import { afterEach, expect, test } from 'vitest'
import type { ChangeBatch } from '../../../src/changes/feed/change.ts'
import { changesProbes, type Feed } from '../../../src/changes/feed/index.ts'
import { outgrown } from '../../../src/changes/feed/outbox/room.ts'
import { readFeedState } from '../../../src/changes/feed/status.ts'
import { onlyRow } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
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
  'the feed from the outbox',
  (version, database) => {
    const feeds: Feed[] = []
    afterEach(async () => {
      await stopFeeds(database(), feeds.splice(0))
    })
    const start = async (
      tables: readonly string[],
      settings: Partial<FeedSettings> = {},
      ear = createEar(),
    ): Promise<Ear> => {
      const declared = tables.map((table) => ({ schema: 'public', table }))
      feeds.push(await startFeed(database(), ear, { tables: declared, source: 'outbox', ...settings }))
      await waitUntil(() => ear.resets.length > 0 || ear.progress, { what: 'the feed has begun' })
      return ear
    }
    const run = async (text: string): Promise<void> => void (await database().db.query(sql.raw(text)))
    const isEmpty = async (): Promise<boolean> =>
      (await database().db.query(sql`select from pgstrata.outbox limit 1`)).rows.length === 0
    const left = async (): Promise<number> => {
      const answer = await database().db.query<{ left: number }>(sql`
        select ((select count(*) from pgstrata.outbox) + (select count(*) from pgstrata.outbox_commit))::int4 as left`)
      return onlyRow(answer).left
    }

    test('says of each change which row it was, and keeps nothing of what was handled', async () => {
      await run(`create table "Odd Table" ("the ID" int, at timestamptz, note text, primary key ("the ID", at))`)
      const ear = await start(['Odd Table'])
      await run(`insert into "Odd Table" values (1, '2026-01-01 00:00+00', 'x'), (2, '2026-01-02 00:00+00', null)`)
      await run(`set timezone = 'Asia/Tokyo'; update "Odd Table" set note = 'y' where "the ID" = 1; reset timezone`)
      await run(`update "Odd Table" set "the ID" = 3 where "the ID" = 2`)
      await run(`update "Odd Table" set note = 'z' where false`)
      await run(`delete from "Odd Table" where "the ID" = 1`)
      await run(`truncate "Odd Table"`)
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual([
        'insert 2026-01-01 00:00:00+00 1',
        'insert 2026-01-02 00:00:00+00 2',
        'update 2026-01-01 00:00:00+00 1',
        'delete 2026-01-02 00:00:00+00 2',
        'insert 2026-01-02 00:00:00+00 3',
        'delete 2026-01-01 00:00:00+00 1',
        'truncate',
      ])
      expect(await left()).toBe(0)
    })

    test('waits for no other transaction, passes over none, and puts those of one row in the order of their commits', async () => {
      await run(`create table contended (id int primary key, v int)`)
      await run(`insert into contended values (1, 0), (2, 0), (3, 0)`)
      const ear = await start(['contended'])
      const writers = openDb({ url: database().url, max: 2 })
      await writers.withSession(async (long) => {
        await long.query(sql`begin; update contended set v = 1 where id = 2`)
        await run(`update contended set v = 1 where id = 1`)
        await waitUntil(() => ear.heard.length === 1, { what: 'the short one, though the long one is older' })
        await writers.withSession(async (second) => {
          // It has the younger id and the older note on row 3.
          await second.query(sql`begin; update contended set v = 2 where id = 3`)
          await second.query(sql`commit`)
        })
        await long.query(sql`delete from contended where id = 3`)
        await long.query(sql`commit`)
      })
      await writers.close()
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(['update 1', 'update 3', 'update 2', 'delete 3'])
      expect(ear.batches.at(-1)).toMatchObject({ seq: 0, isLast: true })
    })

    test('transactions that are seen at once come in an order that fits every row, whichever began first', async () => {
      await run(`create table together (id int primary key, v int)`)
      await run(`insert into together values (1, 0), (2, 0), (3, 0)`)
      let isHeld = false
      let pass: () => void = () => undefined
      const passing = new Promise<void>((resolve) => (pass = resolve))
      const first = createEar(({ changes }) => {
        if (changes[0]?.key?.['id'] !== '1') return undefined
        isHeld = true
        return passing
      })
      const ear = await start(['together'], {}, first)
      await run(`update together set v = 1 where id = 1`)
      await waitUntil(() => isHeld, { what: 'the consumer is busy' })
      const long = openDb({ url: database().url, max: 1 })
      await long.withSession(async (session) => {
        await session.query(sql`begin; update together set v = 1 where id = 2`)
        // It has the younger id, and the older note on row 3.
        await run(`update together set v = 2 where id = 3`)
        await session.query(sql`delete from together where id = 3; commit`)
      })
      await long.close()
      pass()
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(['update 1', 'update 3', 'update 2', 'delete 3'])
    })

    test('an id is a token: not behind its commit, and not ahead of the WAL', async () => {
      await run(`create table timed (id int primary key)`)
      const ear = await start(['timed'])
      for (let n = 0; n < 20; n++) {
        const { rows } = await database().db.query<{ at: string }>(
          sql`with made as (insert into timed values (${n}) returning id)
          select (pg_current_wal_insert_lsn() - '0/0')::text as at from made`,
        )
        await waitUntil(() => ear.batches.length === n + 1, { what: 'it is delivered' })
        const lsn = ear.batches[n]?.lsn ?? 0n
        const now = await database().db.query<{ at: string }>(
          sql`select (pg_current_wal_insert_lsn() - '0/0')::text as at`,
        )
        expect(lsn).toBeGreaterThan(BigInt(rows[0]?.at ?? 0))
        expect(lsn).toBeLessThanOrEqual(BigInt(onlyRow(now).at))
      }
      const order = ear.batches.map(({ lsn }) => lsn)
      expect(order).toEqual(order.toSorted((a, b) => (a < b ? -1 : 1)))
    })

    test('a large transaction comes in parts, whose ids stay when the consumer dies in the middle', async () => {
      await run(`create table bulk (id int primary key)`)
      const seen: ChangeBatch[] = []
      const first = createEar((batch) => {
        seen.push(batch)
        return batch.seq >= 300 ? new Promise(() => undefined) : undefined
      })
      await start(['bulk'], { limits: { partChanges: 100 } }, first)
      await run(`insert into bulk select n from generate_series(1, 1050) n`)
      await waitUntil(() => seen.length === 4, { what: 'the fourth part' })
      await stopFeeds(database(), feeds.splice(0))
      const second = await start(['bulk'], { limits: { partChanges: 100 } })
      await caughtUp(database(), second)
      expect(second.batches.slice(0, 4)).toEqual(seen)
      expect(second.batches.map(({ isLast }) => isLast)).toEqual([...Array.from({ length: 10 }, () => false), true])
      expect(second.heard.map(({ change }) => change.key?.['id'])).toEqual(
        Array.from({ length: 1050 }, (_, n) => `${n + 1}`),
      )
      expect(await left()).toBe(0)
    })

    test('partitions are their root, however they are written to', async () => {
      await run(`create table parted (id int primary key) partition by range (id)`)
      await run(`create table parted_1 partition of parted for values from (0) to (10)`)
      const ear = await start(['parted'])
      await run(`create table parted_2 partition of parted for values from (10) to (20)`)
      await run(`insert into parted values (1), (11)`)
      await run(`insert into parted_1 values (2)`)
      await run(`update parted set id = 12 where id = 1`)
      await run(`truncate parted_1`)
      await caughtUp(database(), ear)
      expect(new Set(ear.heard.map(({ change }) => change.table))).toEqual(new Set(['parted']))
      expect(brief(ear)).toEqual(['insert 1', 'insert 11', 'insert 2', 'delete 1', 'insert 12', 'truncate'])
    })

    test('a table without a primary key is told to have changed, and writers need no right of ours', async () => {
      await run(`create table keyless (v int)`)
      const ear = await start(['keyless'])
      const role = `writer_${version}_${database().name}`
      await run(`create role ${role}; grant insert, update, select on keyless to ${role}`)
      try {
        await run(`set role ${role}; insert into keyless values (1), (2); update keyless set v = 3; reset role`)
        await caughtUp(database(), ear)
      } finally {
        await run(`drop owned by ${role}; drop role ${role}`)
      }
      expect(ear.heard.map(({ change }) => [change.kind, change.key])).toEqual([
        ['insert', undefined],
        ['update', undefined],
      ])
      expect(feeds[0]?.status().findings?.map(({ table }) => table)).toEqual(['keyless'])
    })

    test('without a consumer it grows to its cap and no further, and whoever comes then is told that changes were missed', async () => {
      await run(`create table piling (id int primary key)`)
      const ownCapBytes = 200_000
      const before = await start(['piling'], { ownCapBytes })
      await run(`insert into piling values (0)`)
      await caughtUp(database(), before)
      await stopFeeds(database(), feeds.splice(0))
      for (let n = 0; n < 20; n++)
        await run(`insert into piling select n from generate_series(${n * 1000 + 1}, ${n * 1000 + 1000}) n`)
      const state = await readFeedState(database().db, [])
      expect(state).toMatchObject({ isOutboxFull: true })
      // One statement more than the cap may stand in it.
      expect(state.outboxBytes).toBeLessThan(ownCapBytes + 200_000)
      const settings = { tables: [{ schema: 'public', table: 'piling' }], source: 'outbox', ownCapBytes } as const
      const kept = changesProbes(database().db, settings).find(({ name }) => name === 'changes: kept')
      expect(await kept?.run()).toMatchObject({ verdict: 'fail', fix: expect.stringContaining('changes.cap') })
      const after = await start(['piling'], { ownCapBytes })
      expect(after.resets).toEqual([{ epoch: expect.any(String), why: outgrown }])
      await run(`delete from piling where id = 7`)
      await caughtUp(database(), after)
      expect(brief(after)).toEqual(['delete 7'])
      expect(await readFeedState(database().db, [])).toMatchObject({ isOutboxFull: false, outboxBytes: 8192 })
      expect(await kept?.run()).toMatchObject({ verdict: 'ok' })
    })

    test('is told of a new epoch only when all that noted nothing have ended, whatever they can see', async () => {
      await run(`create table skipped (id int primary key)`)
      const ownCapBytes = 100_000
      await start(['skipped'], { ownCapBytes })
      await stopFeeds(database(), feeds.splice(0))
      await run(`insert into skipped select n from generate_series(1, 2000) n`)
      await run(`insert into skipped values (10001)`)
      const ear = createEar()
      let isEnded = false
      const seen: unknown[] = []
      const onReset: Ear['onReset'] = async (reset) => {
        const { rows } = await database().db.query<{ id: number }>(
          sql`select id from skipped where id > 10001 order by id`,
        )
        seen.push({ isEnded, ids: rows.map(({ id }) => id) })
        await ear.onReset(reset)
      }
      const writers = openDb({ url: database().url, max: 2 })
      await writers.withSession(async (committed) => {
        await writers.withSession(async (repeatable) => {
          await committed.query(sql`begin; insert into skipped values (10002)`)
          await repeatable.query(sql`begin isolation level repeatable read; insert into skipped values (10003)`)
          const feed = await startFeed(
            database(),
            { ...ear, onReset },
            {
              tables: [{ schema: 'public', table: 'skipped' }],
              source: 'outbox',
              ownCapBytes,
            },
          )
          feeds.push(feed)
          await waitUntil(isEmpty, { what: 'the outbox is emptied' })
          // Its snapshot is older than that.
          await repeatable.query(sql`insert into skipped values (10004)`)
          await repeatable.query(sql`commit`)
          isEnded = true
          await committed.query(sql`commit`)
        })
      })
      await writers.close()
      // The one that could not see what others had noted has noted it itself: that is one epoch more.
      await waitUntil(() => seen.length === 2, { what: 'both resets' })
      const whole = { isEnded: true, ids: [10002, 10003, 10004] }
      expect(seen).toEqual([whole, whole])
      expect(ear.resets.map(({ why }) => why)).toEqual([outgrown, outgrown])
    })

    test('to the WAL and back again: a new epoch each time, and nothing of the other is left', async () => {
      await run(`create table moved (id int primary key)`)
      const outbox = await start(['moved'])
      await stopFeeds(database(), feeds.splice(0))
      await run(`insert into moved values (1)`)
      const wal = await start(['moved'], { source: 'wal' })
      expect(wal.resets.map(({ why }) => why)).toEqual(['changes are captured in another way'])
      await run(`insert into moved values (2)`)
      await caughtUp(database(), wal)
      expect(brief(wal)).toEqual(['insert 2'])
      expect(await left()).toBe(0)
      await stopFeeds(database(), feeds.splice(0))
      const again = await start(['moved'])
      await run(`insert into moved values (3)`)
      await caughtUp(database(), again)
      expect(brief(again)).toEqual(['insert 3'])
      expect(new Set([outbox, wal, again].map(({ resets }) => resets[0]?.epoch)).size).toBe(3)
      const { rows } = await database().db.query(
        sql`select from pg_replication_slots where database = current_database()
        union all select from pg_publication where pubname like 'pgstrata%'`,
      )
      expect(rows).toHaveLength(0)
    })
  },
  prepareFeed,
)
