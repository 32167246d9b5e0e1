// A table that a subscription writes to: rows of its first copy, rows that are streamed in and rows that are written here are
// each counted once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { createPlays, expectExact, insert, strataOf, subscribed } from './subscriber-support.ts'
import { run } from './support.ts'

describe.each(versions)('a subscription on PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  beforeAll(async () => {
    cluster = await startCluster({ version, inMemory: true, settings: { wal_level: 'logical' } })
  })
  afterAll(() => cluster.stop())

  test.each([
    ['plain', 'partitioned'],
    ['partitioned', 'partitioned'],
    ['partitioned', 'plain'],
  ] as const)('from a %s table into a %s one is counted', async (from, into) => {
    const [there, here] = [`pub_${from}_${into}`, `sub_${from}_${into}`]
    const publisher = openDb({ url: await cluster.createDatabase(there) })
    const subscriber = openDb({ url: await cluster.createDatabase(here) })
    await createPlays(publisher, from)
    await createPlays(subscriber, into)
    await run(publisher, insert(1, 100))
    const strata = strataOf(cluster.primary.url(here), subscribed)
    await strata.apply()
    await run(publisher, `create publication p for table plays with (publish_via_partition_root = ${into === 'plain'})`)
    // Both are in one server: the slot is made apart, or the two would wait for each other.
    await publisher.query(sql`select pg_create_logical_replication_slot(${there}, 'pgoutput')`)
    await run(
      subscriber,
      `create subscription s connection '${cluster.primary.url(there)}' publication p with (create_slot = false, slot_name = ${there})`,
    )
    const caughtUp = async (): Promise<void> => {
      await run(publisher, `insert into plays values (0, 0, 0, 0, '2026-01-03')`)
      const isThere = sql`select from plays where id = 0`
      await waitUntil(async () => (await subscriber.query(isThere)).rowCount === 1, { what: 'what was written' })
      await run(publisher, 'delete from plays where id = 0')
      await waitUntil(async () => (await subscriber.query(isThere)).rowCount === 0, { what: 'what was deleted' })
    }
    await caughtUp()
    await expectExact(subscriber, strata)

    await run(
      publisher,
      insert(101, 150),
      'update plays set amount = amount + 3, song = song + 1 where id % 3 = 0',
      `update plays set at = at + interval '5 days' where id % 4 = 0`,
      'update plays set listener = 3 where id % 6 = 0',
      'update plays set id = id + 1000 where id % 10 = 0',
      'delete from plays where id % 7 = 0',
    )
    await run(
      subscriber,
      insert(501, 540),
      'update plays set amount = 100 where id > 520',
      'delete from plays where id = 501',
    )
    await caughtUp()
    await expectExact(subscriber, strata)
    expect((await subscriber.query(sql`select count(*)::int as n from plays`)).rows).not.toEqual([{ n: 0 }])

    await run(publisher, `begin; ${insert(300, 320)}; truncate plays; ${insert(330, 340)}; commit`)
    await caughtUp()
    expect((await subscriber.query(sql`select count(*)::int as n from plays`)).rows).toEqual([{ n: 11 }])
    await expectExact(subscriber, strata)

    await run(
      subscriber,
      'alter subscription s disable',
      'alter subscription s set (slot_name = none)',
      'drop subscription s',
    )
    await strata.close()
    await Promise.all([publisher.close(), subscriber.close()])
  })
})
