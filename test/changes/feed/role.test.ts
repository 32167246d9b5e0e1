// What a role needs to run the feed: to own the tables, or to be a member of who does, and from the WAL the right to
// replicate. It is no superuser.

import { expect, onTestFinished, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { createFeed } from '../../../src/changes/feed/index.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { brief, consumerPid, createEar } from './support.ts'

describeOnEachVersion('the role that runs the feed', (version, database) => {
  const run = async (text: string): Promise<void> => void (await database().db.query(sql.raw(text)))

  test.each([
    ['wal', 'login replication', 'owner'],
    ['outbox', 'login', 'owner'],
    ['wal', 'login replication', 'member'],
    ['outbox', 'login', 'member'],
  ] as const)('from the %s it is one with: %s, as the %s', async (source, rights, standing) => {
    const owner = `owner_${source}_${standing}_${database().name}`
    const role = standing === 'owner' ? owner : `feed_${source}_${database().name}`
    await run(`create role ${owner} ${standing === 'owner' ? rights : 'login'}`)
    if (role !== owner) await run(`create role ${role} ${rights} in role ${owner}`)
    await run(`grant create on database "${database().name}" to ${owner}; grant create on schema public to ${owner}`)
    const urlOf = (username: string): string => Object.assign(new URL(database().url), { username }).href
    const url = urlOf(role)
    const [db, own] = [openDb({ url: urlOf(owner) }), openDb({ url })]
    const ear = createEar()
    const feed = createFeed({ db: own, url, source, tables: [{ schema: 'public', table: 'kept' }], leaseMs: 2_000 })
    feed.subscribe(ear)
    onTestFinished(async () => {
      await feed.stop()
      await Promise.all([db.close(), own.close()])
      await waitUntil(async () => (await consumerPid(database())) === undefined, { what: 'the slot is free' })
      await run(`
        select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()`)
      for (const gone of new Set([role, owner])) await run(`drop owned by ${gone} cascade; drop role ${gone}`)
    })
    await db.withSession(async (session) => void (await ensureInstalled(session)))
    await db.query(sql`create table kept (id int primary key) partition by range (id)`)
    await db.query(sql`create table kept_1 partition of kept for values from (0) to (100)`)
    await feed.start()
    await waitUntil(() => ear.resets.length > 0 || feed.status().error, { what: 'it has begun' })
    expect(feed.status().error).toBeUndefined()
    await db.query(sql`insert into kept values (1)`)
    await db.query(sql`truncate kept_1`)
    await waitUntil(() => ear.heard.length === 2, { what: 'both are told' })
    expect(brief(ear)).toEqual(['insert 1', 'truncate'])
  })
})
