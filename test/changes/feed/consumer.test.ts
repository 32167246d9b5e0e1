// Who consumes the feed, and what becomes of changes when that one is killed, falls silent, fails, or is too slow.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { systemClock, type Clock } from '../../../src/base/clock.ts'
import type { ChangeBatch } from '../../../src/changes/feed/change.ts'
import type { Feed } from '../../../src/changes/feed/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { scaled } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import {
  brief,
  caughtUp,
  consumerPid,
  createEar,
  prepareFeed,
  startFeed,
  stopFeeds,
  type Ear,
  type FeedSettings,
} from './support.ts'

/** What is left of the heap when all that nobody holds is gone. */
function readHeapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const never = new Promise<void>(() => undefined)

describeOnEachVersion(
  'the consumer of the feed',
  (version, database) => {
    const feeds: Feed[] = []
    afterEach(async () => {
      await stopFeeds(database(), feeds.splice(0))
    })
    const tables = [{ schema: 'public', table: 'item' }]
    const start = async (ear: Ear, settings: Partial<FeedSettings> = {}): Promise<Feed> => {
      const feed = await startFeed(database(), ear, { tables, ...settings })
      feeds.push(feed)
      return feed
    }
    const begin = async (ear: Ear, settings: Partial<FeedSettings> = {}): Promise<Feed> => {
      await run(`create table if not exists item (id int primary key, v text)`)
      await run(`truncate item`)
      const feed = await start(ear, settings)
      await waitUntil(() => ear.progress, { what: 'the feed has begun' })
      await caughtUp(database(), ear)
      ear.heard.length = 0
      ear.batches.length = 0
      return feed
    }
    const run = async (text: string): Promise<void> => void (await database().db.query(sql.raw(text)))

    test('is one of many, and another as soon as it stops', async () => {
      const ears = [createEar(), createEar(), createEar()]
      const [one, two, three] = ears as [Ear, Ear, Ear]
      const first = await begin(one)
      await start(two)
      await start(three)
      await run(`insert into item values (1)`)
      await caughtUp(database(), one)
      expect(feeds.map((feed) => feed.status().role)).toEqual(['consuming', 'standing by', 'standing by'])
      await first.stop()
      await run(`insert into item values (2)`)
      await waitUntil(() => two.heard.length + three.heard.length > 0, { what: 'another goes on' })
      expect(brief(one)).toEqual(['insert 1'])
      expect([...brief(two), ...brief(three)]).toEqual(['insert 2'])
    })

    test('that loses its connection goes on without a gap and without a repeat', async () => {
      const ear = createEar()
      await begin(ear)
      for (let n = 1; n <= 30; n++) {
        await run(`insert into item values (${n})`)
        const pid = n % 10 === 0 ? await consumerPid(database()) : undefined
        if (pid !== undefined) await run(`select pg_terminate_backend(${pid})`)
      }
      await caughtUp(database(), ear)
      expect(brief(ear)).toEqual(Array.from({ length: 30 }, (_, n) => `insert ${n + 1}`))
    })

    test('that dies between handling and acknowledging leaves a repeat under the same id', async () => {
      const seen: ChangeBatch[] = []
      const first = createEar((batch) => {
        seen.push(batch)
        return seen.length === 2 ? never : undefined
      })
      const feed = await begin(first)
      seen.length = 0
      await run(`insert into item values (1)`)
      await caughtUp(database(), first)
      await run(`insert into item values (2)`)
      await waitUntil(() => seen.length === 2, { what: 'the second is being handled' })
      await run(`insert into item values (3)`)
      await feed.stop()
      const second = createEar()
      await start(second)
      await waitUntil(() => second.heard.length >= 2, { what: 'the rest' })
      expect(second.resets).toEqual([])
      expect(brief(second)).toEqual(['insert 2', 'insert 3'])
      expect(second.batches[0]).toEqual(seen[1])
    })

    test('that falls silent is put out, hands on nothing more, and nothing is lost', async () => {
      const first = createEar()
      // From then on it wakes from no long sleep: it renews nothing.
      let isStuck = false
      const stuck: Clock = {
        ...systemClock,
        sleep: (ms, signal) => systemClock.sleep(isStuck && ms >= 300 ? 1e8 : ms, signal),
      }
      const feed = await begin(first, { clock: stuck })
      await run(`insert into item values (1)`)
      await caughtUp(database(), first)
      isStuck = true
      const pid = await consumerPid(database())
      const second = createEar()
      await start(second)
      await waitUntil(async () => (await consumerPid(database())) !== pid, { what: 'the connection is taken' })
      await run(`insert into item values (2)`)
      await waitUntil(() => second.heard.length > 0, { what: 'the new one delivers' })
      expect(brief(first)).toEqual(['insert 1'])
      expect(brief(second)).toEqual(['insert 2'])
      expect(second.resets).toEqual([])
      expect(feed.status().role).toBe('standing by')
    })

    test('that wakes when another has taken over hands on nothing of what it still holds', async () => {
      let wake: () => void = () => undefined
      const sleeping = new Promise<void>((resolve) => (wake = resolve))
      let isAsleep = false
      const called: string[] = []
      const first = createEar(async ({ changes }) => {
        called.push(changes[0]?.key?.['id'] ?? '')
        isAsleep = called.at(-1) === '1'
        if (isAsleep) await sleeping
      })
      const stuck: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms >= 300 ? 1e8 : ms, signal) }
      await begin(first, { clock: stuck })
      called.length = 0
      await run(`begin; insert into item values (1); commit; begin; insert into item values (2); commit`)
      await waitUntil(() => isAsleep, { what: 'the first is being handled' })
      await waitUntil(() => Number(feeds[0]?.status().bufferedBytes) > 300, { what: 'the second is held' })
      const second = createEar()
      await start(second)
      await waitUntil(() => second.heard.length === 2, { what: 'the other one has both' })
      wake()
      await waitUntil(() => feeds[0]?.status().role === 'standing by', { what: 'it has given up' })
      expect(called).toEqual(['1'])
      expect(brief(second)).toEqual(['insert 1', 'insert 2'])
    })

    test('hands a batch on again to the one that failed, and nothing behind it before', async () => {
      const log: string[] = []
      let failures = 0
      const failing = createEar(({ changes }) => {
        log.push(`${failures > 0 ? 'fails' : 'handles'} ${changes[0]?.key?.['id'] ?? ''}`)
        if (failures-- > 0) throw new Error('not now')
      })
      const feed = await begin(failing)
      const fine = createEar(({ changes }) => void log.push(`beside ${changes[0]?.key?.['id'] ?? ''}`))
      feed.subscribe({ ...fine, name: 'fine' })
      log.length = 0
      failures = 3
      await run(`insert into item values (1)`)
      await run(`insert into item values (2)`)
      await waitUntil(() => feed.status().failing['ear'], { what: 'the failure is told' })
      await caughtUp(database(), failing)
      expect(log.slice(0, 5)).toEqual(['fails 1', 'beside 1', 'fails 1', 'fails 1', 'handles 1'])
      expect(log.slice(5).toSorted()).toEqual(['beside 2', 'handles 2'])
      expect(feed.status().failing).toEqual({})
    })

    test('is given a large transaction in parts, holds little of it, and its ids stay when it is killed', async () => {
      const bufferBytes = 200_000
      const rows = 8_000
      let heldBytes = 0
      let stopAt = 3_000
      const ear = createEar(async (batch) => {
        heldBytes = Math.max(heldBytes, feeds[0]?.status().bufferedBytes ?? 0)
        if (batch.seq < stopAt || batch.changes.length < 2) return
        stopAt = Infinity
        const pid = await consumerPid(database())
        if (pid !== undefined) await run(`select pg_terminate_backend(${pid})`)
      })
      await begin(ear, { limits: { bufferBytes, partChanges: 100 } })
      await run(`insert into item select n, repeat('x', 100) from generate_series(1, ${rows}) n`)
      await run(`insert into item values (0)`)
      await caughtUp(database(), ear)
      expect(stopAt).toBe(Infinity)
      expect(Math.max(...ear.batches.map(({ changes }) => changes.length))).toBeLessThanOrEqual(100)
      // One read of the socket may still come when it is full.
      expect(heldBytes).toBeLessThan(bufferBytes * 2)
      expect(heldBytes).toBeGreaterThan(0)
      const byId = new Map<string, string>()
      for (const { id, change } of ear.heard) {
        const key = change.key?.['id'] ?? ''
        expect(byId.get(id) ?? key).toBe(key)
        byId.set(id, key)
      }
      expect([...byId.values()].slice(0, rows)).toEqual(Array.from({ length: rows }, (_, n) => `${n + 1}`))
      expect(byId.size).toBe(rows + 1)
      expect(new Set(ear.batches.map(({ lsn }) => lsn)).size).toBe(2)
    })

    test('holds no more memory for a transaction of very many rows than for one of few', async () => {
      const rows = scaled(50_000)
      let delivered = 0
      let mostBytes = 0
      const onBatch = (batch: ChangeBatch): Promise<void> => {
        if (batch.seq === delivered) delivered += batch.changes.length
        if (batch.seq % 5_000 === 0) mostBytes = Math.max(mostBytes, readHeapBytes())
        return Promise.resolve()
      }
      const limits = { bufferBytes: 1024 ** 2, partChanges: 1_000 }
      await begin(Object.assign(createEar(), { onBatch }), { limits })
      delivered = 0
      mostBytes = 0
      const beforeBytes = readHeapBytes()
      await run(`insert into item select n, repeat('x', 200) from generate_series(1, ${rows}) n`)
      await waitUntil(() => delivered === rows, { what: 'all of it', timeoutMs: 120_000 })
      // All of them at once take more than 20 MB.
      expect(mostBytes).toBeGreaterThan(0)
      expect(mostBytes - beforeBytes).toBeLessThan(10 * limits.bufferBytes)
    }, 150_000)

    test('moves the slot on where only another database is written to', async () => {
      const ear = createEar()
      await begin(ear)
      const other = await testDatabase(version)
      try {
        await other.db.query(sql`create table elsewhere as select generate_series(1, 1000) as n`)
        const { rows } = await other.db.query<{ lsn: string }>(sql`select pg_current_wal_insert_lsn()::text as lsn`)
        await waitUntil(
          async () => {
            const { rows: slots } = await database().db.query<{ passed: boolean }>(sql`
              select confirmed_flush_lsn >= ${rows[0]?.lsn ?? ''}::pg_lsn as passed
              from pg_replication_slots
              where database = current_database()`)
            return slots[0]?.passed
          },
          { what: 'the slot has passed it' },
        )
      } finally {
        await other.close()
      }
      expect(ear.heard).toEqual([])
    })

    test('begins a new epoch, and says so, when its slot is dropped', async () => {
      const ear = createEar()
      await begin(ear)
      await run(`insert into item values (1)`)
      await caughtUp(database(), ear)
      const before = ear.progress?.epoch
      const { db } = database()
      const name = sql`select slot_name::text as name from pg_replication_slots where database = current_database()`
      const slot = (await db.query<{ name: string }>(name)).rows[0]?.name ?? ''
      // Its consumer comes back within 100 ms.
      await waitUntil(
        async () => {
          await db.query(
            sql`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = ${slot}`,
          )
          const dropped = db.query(sql`select pg_drop_replication_slot(${slot})`)
          return await dropped.then(
            () => true,
            () => false,
          )
        },
        { what: 'the slot is dropped' },
      )
      await waitUntil(() => ear.resets.length > 0, { what: 'the reset' })
      expect(ear.resets.at(-1)?.why).toBe('its replication slot is gone')
      await run(`insert into item values (2)`)
      await waitUntil(() => brief(ear).includes('insert 2'), { what: 'the new epoch delivers' })
      expect(ear.batches.at(-1)?.epoch).not.toBe(before)
      expect((await db.query(name)).rows).toHaveLength(1)
    })
  },
  prepareFeed,
)
