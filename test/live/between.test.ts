// Events on their way between processes, through the database and through Redis: in order and whole, or said to be not.

import { afterEach, describe, expect, test } from 'vitest'
import { createLive, throughDatabase, throughRedis, type Live, type LiveTransport } from '../../src/live/index.ts'
import type { TopicSpec } from '../../src/live/topic.ts'
import { sql } from '../../src/sql/sql.ts'
import { prepareFeed } from '../changes/feed/support.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'
import { brief, epoch, item, place, testClient, type TestClient } from './support.ts'

const redis = useRedis()
const version = versions[0] ?? 18
const database = useDatabase(version, prepareFeed)

interface Kept {
  readonly keptMessages?: number
}
const ways: readonly (readonly [string, (kept?: Kept) => LiveTransport])[] = [
  ['the database', (kept) => throughDatabase({ db: database().db, url: database().url, ...kept })],
  ['Redis', (kept) => throughRedis({ url: redis().url, prefix: database().name, ...kept })],
]

describe.each(ways)('through %s', (way, open) => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
    await redis().send('FLUSHALL')
    await database().db.query(sql`truncate pgstrata.live, pgstrata.live_log`)
  })
  const publisher = (kept?: Kept): LiveTransport => {
    const transport = open(kept)
    closing.push(() => transport.close())
    return transport
  }
  const serving = async (kept?: Kept): Promise<Live> => {
    const live = createLive({ db: database().db, tables: [item], transport: open(kept), limits: { tickMs: 1 } })
    closing.push(() => live.stop())
    await live.start()
    return live
  }
  const connect = (
    live: Live,
    lastEventId?: string,
    topics: readonly TopicSpec[] = [{ table: 'item' }],
  ): TestClient => {
    const client = testClient(lastEventId)
    live.open({ topics, address: 'a', sink: client, lastEventId })
    return client
  }
  let lsn = 200n
  const insert = (id: number) =>
    ({
      type: 'batch',
      epoch,
      lsn: (lsn += 10n),
      atMs: 0,
      changes: [
        { seq: 0, schema: 'public', table: 'item', kind: 'insert', key: { id: String(id) }, row: { v: '\u0000"é\n' } },
      ],
    }) as const
  const reset = { type: 'reset', why: 'the feed begins', ...place } as const
  const heard = (client: TestClient, count: number): Promise<boolean> =>
    waitUntil(() => brief(client).length >= count, { what: `${count} events` })

  test('every process hears everything, in order', async () => {
    const feed = publisher()
    const lives = [await serving(), await serving(), await serving()]
    await feed.publish(reset)
    const clients = lives.map((live) => connect(live))
    await waitUntil(() => clients.every(({ told }) => told.length > 0), { what: 'all are ready' })
    const ids = Array.from({ length: 300 }, (_, id) => id)
    for (const id of ids) await feed.publish(insert(id))
    for (const client of clients) await heard(client, 300)
    for (const client of clients) expect(brief(client)).toEqual(ids.map((id) => `insert ${id}`))
    expect(clients[0]?.told.at(-1)?.data['row']).toEqual({ v: '\u0000"é\n' })
  })

  test('a process that begins later knows what came before, for those who come back', async () => {
    const feed = publisher()
    await feed.publish(reset)
    const first = connect(await serving())
    await feed.publish(insert(1))
    await heard(first, 1)
    const { lastEventId } = first
    await feed.publish(insert(2))
    const second = connect(await serving(), lastEventId)
    await heard(second, 1)
    expect(second.told[0]?.data['state']).toBe('resumed')
    expect(brief(second)).toEqual(['insert 2'])
  })

  test('what is kept is bounded', async () => {
    const feed = publisher({ keptMessages: 10 })
    await feed.publish(reset)
    for (let id = 0; id < 220; id++) await feed.publish(insert(id))
    const kept = await database().db.query<{ n: number }>(sql`select count(*)::int4 as n from pgstrata.live_log`)
    const lists = (await redis().send('KEYS', '*:log')) as string[]
    const lengths = await Promise.all(lists.map((list) => redis().send('LLEN', list)))
    expect(Math.max(kept.rows[0]?.n ?? 0, ...lengths.map(Number))).toBeLessThanOrEqual(way === 'Redis' ? 10 : 110)
    expect((kept.rows[0]?.n ?? 0) + lists.length).toBeGreaterThan(0)
  })

  test.each(way === 'Redis' ? [way] : [])('what %s loses is said, and it goes on', async () => {
    const feed = publisher()
    await feed.publish(reset)
    const live = await serving()
    const client = connect(live)
    await feed.publish(insert(1))
    await heard(client, 1)
    await database().db.query(sql`
      insert into pgstrata.feed (source, epoch, state, told, why, system_id, timeline)
      select 'wal', ${epoch}, 'made', true, '', system_identifier::text, 1 from pg_control_system()
      on conflict do nothing`)
    await redis().send('FLUSHALL')
    await waitUntil(() => brief(client).includes('reset'), { what: 'it is told' })
    await feed.publish(insert(2))
    await waitUntil(() => brief(client).includes('insert 2'), { what: 'it goes on' })
    await redis().kill()
    await expect(feed.publish(insert(3))).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' })
    await redis().restart()
    await waitUntil(
      () =>
        feed.publish(insert(3)).then(
          () => true,
          () => false,
        ),
      { what: 'Redis is back' },
    )
    await waitUntil(
      () => brief(client).includes('insert 3') || brief(client).filter((one) => one === 'reset').length > 1,
      {
        what: 'it goes on',
      },
    )
  })

  test.each(way === 'Redis' ? [] : [way])('a doorbell of %s that is gone delays, and loses nothing', async () => {
    const feed = publisher()
    await feed.publish(reset)
    const client = connect(await serving())
    await database().db.query(sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'listen%'`)
    await feed.publish(insert(1))
    await feed.publish(insert(2))
    await heard(client, 2)
    expect(brief(client)).toEqual(['insert 1', 'insert 2'])
  })
})
