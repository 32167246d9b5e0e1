// A logical subscriber of a table that is converted: it sees every change before, while and after, under the same name.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { Db } from '../../../src/db/db.ts'
import { versions } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { byMonth, contentOf, createPlays, declare, openConversion } from './support.ts'

describe.each(versions)('a subscriber on PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  let publisher: Db
  let subscriber: Db

  beforeAll(async () => {
    cluster = await startCluster({ version, inMemory: true, settings: { wal_level: 'logical' } })
    const admin = openDb({ url: cluster.primary.url('postgres') })
    await admin.query(sql`create database publisher`)
    await admin.query(sql`create database subscriber`)
    await admin.close()
    publisher = openDb({ url: cluster.primary.url('publisher') })
    subscriber = openDb({ url: cluster.primary.url('subscriber') })
  })
  afterAll(async () => {
    await publisher.close()
    await subscriber.close()
    await cluster.stop()
  })

  test.each([
    ['relabelled', false],
    ['copied', true],
  ])('goes on when the table is %s', async (table, full) => {
    await createPlays(publisher, table, 2_000)
    await createPlays(subscriber, table, 0)
    await publisher.query(
      sql.raw(`create publication of_${table} for table ${table} with (publish_via_partition_root = true)`),
    )
    // Both are in one server: the slot is made apart, or the two would wait for each other.
    await publisher.query(sql`select pg_create_logical_replication_slot(${`slot_${table}`}, 'pgoutput')`)
    await subscriber.query(
      sql.raw(
        `create subscription from_${table} connection '${cluster.primary.url('publisher')}' publication of_${table} with (create_slot = false, slot_name = slot_${table})`,
      ),
    )
    const caughtUp = async (): Promise<void> => {
      const expected = await contentOf(publisher, table)
      await waitUntil(async () => JSON.stringify(await contentOf(subscriber, table)) === JSON.stringify(expected), {
        what: 'the subscriber to have it all',
        timeoutMs: 30_000,
      })
    }
    await caughtUp()
    const change = async (from: number): Promise<void> => {
      await publisher.query(
        sql`insert into ${sql.ident(table)} select g, now() - (g % 300) * interval '1 day', 5, 'more' from generate_series(${from}::int, ${from + 99}::int) as g`,
      )
      await publisher.query(sql`update ${sql.ident(table)} set note = 'changed' where id % 13 = ${from % 13}`)
      await publisher.query(sql`delete from ${sql.ident(table)} where id % 31 = ${from % 31}`)
    }
    let changes = 0
    const outcome = await openConversion(publisher).convert(declare(table, byMonth, { accept: ['publish-via-root'] }), {
      full,
      onEvent: async (event) => {
        if (event.type === 'state') await change(10_000 + 100 * changes++)
      },
    })
    expect(outcome.ending).toBe('done')
    await change(50_000)
    await caughtUp()
    await subscriber.query(sql.raw(`alter subscription from_${table} disable`))
    await subscriber.query(sql.raw(`alter subscription from_${table} set (slot_name = none)`))
    await subscriber.query(sql.raw(`drop subscription from_${table}`))
  })
})
