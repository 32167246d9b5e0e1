// From a commit to a client, on the real thing: the feed of a database, events over HTTP, and what an event's id is worth as a
// token, on the primary and on a replica that stands still.

import { afterEach, expect, onTestFinished, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { createFeed, type Feed } from '../../src/changes/feed/index.ts'
import { liveHandler } from '../../src/http/index.ts'
import { followLive } from '../../src/live-client/node.ts'
import { createLive, type Live, type LiveOptions } from '../../src/live/index.ts'
import type { TopicSpec } from '../../src/live/topic.ts'
import { sql } from '../../src/sql/sql.ts'
import { prepareFeed, stopFeeds } from '../changes/feed/support.ts'
import { serve } from '../http/support.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { item } from './support.ts'

const tables = [{ schema: 'public', table: 'item' }]

describeOnEachVersion(
  'live events',
  (_, database) => {
    const feeds: Feed[] = []
    const lives: Live[] = []
    afterEach(async () => {
      await Promise.all(lives.splice(0).map((live) => live.stop()))
      await stopFeeds(database(), feeds.splice(0))
    })
    const run = async (text: string): Promise<void> => void (await database().db.query(sql.raw(text)))
    const begin = async (source: 'wal' | 'outbox', options: Partial<LiveOptions> = {}): Promise<Live> => {
      await run(`drop table if exists item`)
      await run(`create table item (id int primary key, owner int, room text, v text)`)
      const live = createLive({ db: database().db, tables: [item], limits: { tickMs: 5 }, ...options })
      lives.push(live)
      const { db, url } = database()
      const feed = createFeed({ db, url, tables, source, leaseMs: 2_000, limits: { heartbeatMs: 200 } })
      feeds.push(feed)
      feed.subscribe(live.listener)
      await feed.start()
      await waitUntil(() => feed.status().handled !== undefined, { what: 'the feed consumes' })
      await live.start()
      return live
    }
    const follow = async (live: Live, topics: readonly TopicSpec[] = [{ table: 'item' }]) => {
      const url = await serve(liveHandler<TopicSpec>(live, { authorize: () => true, retryMs: 20 }))
      const heard: { what: string; id: string }[] = []
      const client = followLive({
        url,
        subscriptions: topics.map((topic) => ({
          topic,
          onChange: ({ kind, key, row, id }) => {
            heard.push({ what: [kind, ...Object.values(key ?? {}), ...Object.values(row ?? {})].join(' '), id })
          },
          onList: ({ rows, id }) => {
            heard.push({ what: JSON.stringify(rows), id })
          },
        })),
        onRefresh: ({ why, id }) => heard.push({ what: why, id }),
      })
      onTestFinished(() => client.close())
      await waitUntil(() => heard.some(({ what }) => what === 'connected'), { what: 'it is connected' })
      return { heard, said: () => heard.map(({ what }) => what) }
    }

    test('from the WAL bring the row as far as it is declared', async () => {
      const { said } = await follow(await begin('wal'))
      await run(`insert into item values (1, 7, 'a', 'x')`)
      await waitUntil(() => said().length === 2, { what: 'the first' })
      await run(`update item set v = 'y' where id = 1`)
      await waitUntil(() => said().length === 3, { what: 'the second' })
      await run(`delete from item`)
      await waitUntil(() => said().length === 4, { what: 'the third' })
      expect(said()).toEqual(['connected', 'insert 1 7 a x', 'update 1 7 a y', 'delete 1'])
    })

    test('from an outbox bring the key', async () => {
      const { said } = await follow(await begin('outbox'))
      await run(`insert into item values (1, 7, 'a', 'x')`)
      await waitUntil(() => said().length === 2, { what: 'the first' })
      await run(`truncate item`)
      await waitUntil(() => said().length === 3, { what: 'the second' })
      expect(said()).toEqual(['connected', 'insert 1', 'truncate'])
    })

    test('begin anew for everybody when the slot is gone', async () => {
      const { heard, said } = await follow(await begin('wal'))
      await waitUntil(
        async () => {
          await run(`select pg_terminate_backend(active_pid) from pg_replication_slots
            where database = current_database() and active`)
          const dropping = database().db.query(sql`
            select pg_drop_replication_slot(slot_name) from pg_replication_slots
            where database = current_database() and not active`)
          return await dropping.then(
            ({ rowCount }) => rowCount > 0,
            () => false,
          )
        },
        { what: 'it is dropped' },
      )
      await waitUntil(() => heard.length === 2, { what: 'it is told', timeoutMs: 20_000 })
      await run(`insert into item values (5, 7, 'a', 'x')`)
      await waitUntil(() => said().includes('insert 5 7 a x'), { what: 'it goes on' })
      expect(heard[1]?.id.split(':')[0]).not.toBe(heard[0]?.id.split(':')[0])
      expect(said()[1]).toContain('slot')
    }, 30_000)

    test('have ids that are tokens, and ids of no event are not', async () => {
      const live = await begin('wal')
      const { heard } = await follow(live)
      await run(`insert into item values (1, 7, 'a', 'x')`)
      await waitUntil(() => heard.length === 2, { what: 'an event' })
      const id = heard[1]?.id ?? ''
      const [epoch = '', lsn = ''] = id.split(':')
      expect((await live.token(id)).lsn).toBe(BigInt(`0x${lsn}`))
      // One that was over before this process began: as new as the primary is now.
      expect((await live.token('bbbbbbbbbbbb:1:0')).lsn >= BigInt(`0x${lsn}`)).toBe(true)
      const refused = async (forged: string): Promise<boolean> =>
        await live.token(forged).then(
          () => false,
          (error: unknown) => isStrataError(error, 'FEED_CURSOR_INVALID'),
        )
      expect(await Promise.all([refused(`${epoch}:ffffffffffffffff:0`), refused('x'), refused('')])).toEqual([
        true,
        true,
        true,
      ])
    })

    test('of a list come when it is another one, with one query for all who watch', async () => {
      let reads = 0
      const live = await begin('wal', {
        limits: { tickMs: 5, topEveryMs: 60_000 },
        tops: [
          {
            name: 'best',
            orderBy: ['owner'],
            sources: tables,
            read: async ({ limit }) => {
              reads++
              const { rows } = await database().db.query<{ id: number }>(
                sql`select id from item order by owner desc limit ${limit}`,
              )
              const at = await database().db.query<{ lsn: string }>(
                sql`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as lsn`,
              )
              return { rows, lsn: BigInt(at.rows[0]?.lsn ?? 0) }
            },
          },
        ],
      })
      const topic = { top: 'best', orderBy: 'owner', limit: 2 }
      const one = await follow(live, [topic])
      const two = await follow(live, [topic])
      const both = [one, two]
      await waitUntil(() => both.every(({ said }) => said().includes('[]')), { what: 'the list' })
      const before = reads
      await run(`insert into item values (1, 7), (2, 9)`)
      await waitUntil(() => both.every(({ said }) => said().includes('[{"id":2},{"id":1}]')), { what: 'the new list' })
      expect(reads - before).toBeLessThanOrEqual(2)
      await run(`insert into item values (3, 1)`)
      await waitUntil(() => reads > before + 1, { what: 'it was looked at' })
      await run(`insert into item values (4, 99)`)
      await waitUntil(() => both.every(({ said }) => said().includes('[{"id":4},{"id":2}]')), { what: 'the next list' })
      expect(one.said().filter((what) => what.startsWith('['))).toHaveLength(3)
    })
  },
  prepareFeed,
)
