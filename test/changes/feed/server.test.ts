// What the feed asks of a server, and what it does when the server takes away what it stands on. On servers of its own: the
// settings concern everybody.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { createFeed } from '../../../src/changes/feed/index.ts'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { versions } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { brief, createEar } from './support.ts'

const tables = [{ schema: 'public', table: 'item' }]

describe.each(versions)('a feed on a server of PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  let db: Db
  let url: string
  const run = async (text: string): Promise<void> => void (await db.query(sql.raw(text)))
  const set = async (name: string, value: string): Promise<void> => {
    await run(`alter system set ${name} = '${value}'`)
    await run(`select pg_reload_conf()`)
    await waitUntil(
      async () => {
        const { rows } = await db.query<{ value: string }>(sql`select current_setting(${name}) as value`)
        return rows[0]?.value === value
      },
      { what: `${name} is ${value}` },
    )
  }

  beforeAll(async () => {
    cluster = await startCluster({ version, settings: { max_slot_wal_keep_size: '32MB', max_wal_size: '64MB' } })
    // What we do ourselves waits for no replica.
    url = `${cluster.primary.url('postgres')}?options=-c%20synchronous_commit%3Dlocal`
    db = openDb({ url })
    await db.withSession(async (session) => void (await ensureInstalled(session)))
    await run(`create table item (id int primary key, body text)`)
  })
  afterAll(async () => {
    await db.close()
    await cluster.stop()
  })

  test('makes no slot where the server would keep WAL for it without end, unless it has a cap of its own', async () => {
    await set('max_slot_wal_keep_size', '-1')
    const feed = createFeed({ db, url, tables })
    await expect(feed.start()).rejects.toMatchObject({
      code: 'FEED_UNCAPPED',
      advice: expect.stringContaining('max_slot_wal_keep_size'),
    })
    expect((await db.query(sql`select from pg_replication_slots`)).rows).toHaveLength(0)
    const ear = createEar()
    const capped = createFeed({ db, url, tables, ownCapBytes: 200_000, leaseMs: 2_000, limits: { heartbeatMs: 50 } })
    capped.subscribe({ ...ear, onBatch: () => Promise.reject(new Error('never')) })
    await capped.start()
    await waitUntil(() => ear.resets.length === 1, { what: 'the feed has begun' })
    await run(`insert into item select n, repeat(md5(n::text), 100) from generate_series(1, 3000) n`)
    await waitUntil(() => ear.resets.length === 2, { what: 'its own cap ends the epoch' })
    expect(ear.resets[1]?.why).toBe('its replication slot held more WAL than it may')
    await capped.stop()
    await set('max_slot_wal_keep_size', '32MB')
  })

  test('says when the server has removed WAL that was not delivered, and begins a new epoch', async () => {
    const before = createEar()
    const first = createFeed({ db, url, tables, leaseMs: 2_000 })
    first.subscribe(before)
    await first.start()
    await waitUntil(() => before.progress, { what: 'the feed has begun' })
    await first.stop()
    await run(`truncate item`)
    await waitUntil(
      async () => {
        await run(`select pg_logical_emit_message(false, 'test', repeat('x', 16000000))`)
        await run(`checkpoint`)
        const { rows } = await db.query<{ status: string }>(sql`select wal_status as status from pg_replication_slots`)
        return rows[0]?.status === 'lost'
      },
      { what: 'the slot is lost', timeoutMs: 30_000 },
    )
    const after = createEar()
    const second = createFeed({ db, url, tables, leaseMs: 2_000 })
    second.subscribe(after)
    await second.start()
    await waitUntil(() => after.resets.length === 1, { what: 'the reset' })
    expect(after.resets[0]?.why).toBe('the server has removed WAL that its replication slot needed')
    expect(after.resets[0]?.epoch).not.toBe(before.progress?.epoch)
    await run(`insert into item values (1)`)
    await waitUntil(() => after.heard.length === 1, { what: 'the new epoch delivers' })
    expect(brief(after)).toEqual(['insert 1'])
    await second.stop()
    expect((await db.query(sql`select from pg_replication_slots`)).rows).toHaveLength(1)
  })

  test('hands on nothing that the primary does not show yet', async () => {
    const ear = createEar()
    const feed = createFeed({ db, url, tables, leaseMs: 2_000 })
    feed.subscribe(ear)
    await feed.start()
    await waitUntil(() => ear.progress ?? ear.resets.length > 0, { what: 'the feed has begun' })
    const writer = openDb({ url: cluster.primary.url('postgres'), max: 1 })
    await set('synchronous_standby_names', 'nobody')
    const written = writer.query(sql`insert into item values (2)`)
    // The commit is in the WAL and decoded, and waits for a replica that does not exist.
    await waitUntil(() => (feed.status().lagMs ?? 0) > 0, { what: 'the feed holds the change' })
    expect((await db.query(sql`select from item where id = 2`)).rows).toHaveLength(0)
    expect(ear.heard).toEqual([])
    await set('synchronous_standby_names', '')
    await written
    await waitUntil(() => ear.heard.length === 1, { what: 'it is delivered' })
    expect(brief(ear)).toEqual(['insert 2'])
    await writer.close()
    await feed.stop()
  })
})
