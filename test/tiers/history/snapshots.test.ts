// Three kinds of readers while a partition is packed under their eyes: a statement that waits for the swap, a snapshot that is older
// than the pack, and one that was taken behind it. Each has every row once. The mover is the real one.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { movePartition } from '../../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { moveTools } from '../exchange-support.ts'
import { createEvents, hold, once, partitionOf, sumOf, tieredEvents, type Holder } from '../move-support.ts'
import { count } from './support.ts'

const table = tieredEvents()
const order = { table, partition: partitionOf(1), move: 'pack' } as const

describe.each(versions)('a history while a partition is packed on PostgreSQL %d', (version) => {
  let database: TestDatabase

  beforeEach(async () => {
    database = await testDatabase(version)
    await createEvents(database.db, table)
  })
  afterEach(() => database.close())

  test('a statement that comes behind the swap waits for it, and has every row once', async () => {
    const { db, url } = database
    const before = await sumOf(db)
    const held: Holder[] = []
    const { onCommit } = once('pack:swapping', async () => {
      // The swap waits for as long as this one has its partition.
      held.push(await hold(url, 'begin', `select from ${partitionOf(1)} limit 1`))
    })
    const reads: Promise<string>[] = []
    const ladder = { firstTimeoutMs: 20_000, lastTimeoutMs: 20_000, tries: 1, concurrentTimeoutMs: 20_000 }
    const moved = movePartition(moveTools(db, { onCommit, ladder }), order)
    await waitUntil(async () => (await count(db, waiting('relation'))) > 0, {
      what: 'the swap waits for the partition',
    })
    for (let more = 0; more < 2; more++) reads.push(sumOf(db))
    const isReaderWaiting = async (): Promise<boolean> =>
      (await count(db, `${waiting('relation')} and query like 'select count%'`)) > 0
    try {
      await waitUntil(isReaderWaiting, { what: 'a reader waits for the swap' })
    } finally {
      await held[0]?.end('commit')
    }
    expect(await Promise.all(reads)).toEqual([before, before])
    expect(await moved).toMatchObject({ state: 'packed' })
    expect(await sumOf(db)).toBe(before)
  })

  test('a snapshot from before the pack keeps the swap off until it is over', async () => {
    const { db, url } = database
    const before = await sumOf(db)
    const holder = await hold(url, 'begin isolation level repeatable read', 'select 1')
    const states: string[] = []
    const moved = movePartition(moveTools(db, { onCommit: async (state) => void states.push(state) }), order)
    await waitUntil(() => states.includes('pack:settling'), { what: 'the pack is built' })
    await waitUntil(async () => (await count(db, waiting('virtualxid'))) > 0, {
      what: 'the mover waits for the snapshot',
    })
    expect(await sumOf(holder.session)).toBe(before)
    expect(states).not.toContain('packed')
    await holder.end('commit')
    expect(await moved).toMatchObject({ state: 'packed' })
    expect(await sumOf(db)).toBe(before)
  })

  test('a snapshot from behind the pack has every row once, before the swap and after it', async () => {
    const { db, url } = database
    const before = await sumOf(db)
    const sums: string[] = []
    const held: Holder[] = []
    const { onCommit } = once('pack:swapping', async () => {
      // It has its snapshot, and no lock of the table.
      held.push(await hold(url, 'begin isolation level repeatable read', 'select pg_current_snapshot()'))
    })
    expect(await movePartition(moveTools(db, { onCommit }), order)).toMatchObject({ state: 'packed' })
    const [holder] = held
    if (holder === undefined) throw new Error('The move had no swap')
    sums.push(await sumOf(holder.session))
    await db.query(sql`update events_history set note = 'changed' where id = 100003`)
    sums.push(await sumOf(holder.session))
    await holder.end('commit')
    expect(sums).toEqual([before, before])
    expect(await sumOf(db)).not.toBe(before)
  })

  const changes = [
    `update events_history set note = 'changed' where id = 100003`,
    'delete from events_history where id = 100003',
    `update events_history set note = 'changed' where id = 5`,
    'delete from events_history where id = 5',
  ]

  test.each([1, 2])('a snapshot from behind the pack does not lose changes behind swap %d', async (times) => {
    const { db, url } = database
    if (times === 2) {
      await movePartition(moveTools(db), order)
      await db.query(sql`update events_history set note = 'loose' where id = 100004`)
    }
    const held: Holder[] = []
    const { onCommit } = once('pack:swapping', async () => {
      await db.query(sql`insert into events (id, at, kind) values (5, '2026-01-01 12:00Z', 1)`)
      for (let more = 0; more < changes.length; more++) {
        held.push(await hold(url, 'begin isolation level repeatable read', 'select pg_current_snapshot()'))
      }
    })
    expect(await movePartition(moveTools(db, { onCommit }), order)).toMatchObject({ state: 'packed' })
    for (const [place, change] of changes.entries()) {
      const holder = held[place]
      if (holder === undefined) throw new Error('The move had no swap')
      await expect(holder.session.query(sql.raw(change)), change).rejects.toMatchObject({ code: '40001' })
      await holder.end('rollback')
    }
    await db.withSession(async (session) => {
      await session.query(sql`begin isolation level repeatable read`)
      // Each is joined with two rows: the second time there is nothing left, and nothing is wrong with that.
      const twice = `(values (1), (2)) as v (n)`
      await session.query(sql.raw(`update events_history set note = 'twice' from ${twice} where id = 100003`))
      await session.query(sql.raw(`delete from events_history using ${twice} where id in (100003, 5)`))
      await session.query(sql`commit`)
    })
    expect(await count(db, 'events_history where id in (100003, 5)')).toBe(0)
  })
})

function waiting(event: string): string {
  const isLock =
    event === 'relation' ? `wait_event_type = 'Lock' and wait_event = 'relation'` : `wait_event = '${event}'`
  return `pg_stat_activity where datname = current_database() and ${isLock}`
}
