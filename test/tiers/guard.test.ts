// The guard of a partition that is moved: whatever way a change comes, it is noted by the transaction that makes it, and it is gone
// from the notes with it.

import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkpoint } from '../../src/base/clock.ts'
import { copyIn } from '../../src/db/copy.ts'
import { onlyRow, type Db, type Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { abortPartition, movePartition } from '../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { moveTools, recordOf, rowsOf, run, textsOf } from './exchange-support.ts'
import { createEvents, hold, once, partitionOf, sumOf, tieredEvents } from './move-support.ts'

const first = partitionOf(1)
const row = `(1, '2026-01-01 12:30Z', 1, 1.5, 'late')`

describe.each(versions)('the guard of a partition, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const events = tieredEvents()

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
  })
  afterEach(() => database.close())

  /** A move that stands still in that state; its mover is gone. */
  async function moveUntil(state: string): Promise<void> {
    const ending = new AbortController()
    const moving = movePartition(
      moveTools(db, {
        signal: ending.signal,
        onCommit: (what) => {
          if (what === state) ending.abort()
          checkpoint(ending.signal)
        },
      }),
      { table: events, partition: first, move: 'pack' },
    )
    await expect(moving).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await recordOf(db, events, first)).toMatchObject({ state })
  }

  /** What was noted: rows that came, and whether there was a touch. */
  async function noted(on: Db | Session = db): Promise<{ late: number; touched: boolean }> {
    const { id } = await recordOf(db, events, first)
    return onlyRow(
      await on.query<{ late: number; touched: boolean }>(sql`
        select (select count(*)::int4 from ${sql.ident('pgstrata', `late_${id}`)}) as late,
          exists (select from pgstrata.tier_touch where tier_partition = ${id}::int8) as touched`),
    )
  }

  const ways: readonly (readonly [string, string, { late: number; touched: boolean }])[] = [
    ['a row through the table', `insert into events values ${row}`, { late: 1, touched: false }],
    ['a row into the partition', `insert into ${first} values ${row}`, { late: 1, touched: false }],
    ['a row through the history', `insert into events_history values ${row}`, { late: 1, touched: false }],
    [
      'a row that is there already',
      `insert into events values (100001, '2026-01-01 00:01Z', 1) on conflict do nothing`,
      { late: 0, touched: false },
    ],
    [
      'an upsert that changes a row',
      `insert into events values (100001, '2026-01-01 00:01Z', 1) on conflict (id, at) do update set kind = 2`,
      { late: 0, touched: true },
    ],
    ['an update', `update events set note = 'x' where id = 100001`, { late: 0, touched: true }],
    [
      'an update through the history',
      `update events_history set note = 'x' where id = 100001`,
      { late: 0, touched: true },
    ],
    ['an update of no row', `update ${first} set note = 'x' where id = 5`, { late: 0, touched: false }],
    [
      'a row that moves here',
      `update events set at = '2026-01-01 12:30Z' where id = 200001`,
      { late: 1, touched: false },
    ],
    [
      'a row that moves away',
      `update events set at = '2026-01-02 12:30Z' where id = 100001`,
      { late: 0, touched: true },
    ],
    [
      'a merge',
      `merge into events t using (values (100001), (1)) as s (id) on t.id = s.id and t.at < '2026-01-02 00:00Z'
      when matched then delete when not matched then insert values (s.id, '2026-01-01 12:30Z', 1)`,
      { late: 1, touched: true },
    ],
    ['a delete', `delete from events where id = 100001`, { late: 0, touched: true }],
    ['a truncate of the table', `truncate events`, { late: 0, touched: true }],
    ['a truncate of the partition', `truncate ${first}`, { late: 0, touched: true }],
    [
      'changes as a replica',
      `set local session_replication_role = replica; insert into events values ${row}; delete from events where id = 100002`,
      { late: 1, touched: true },
    ],
    [
      'what a savepoint takes back',
      `savepoint s; delete from events where id = 100002; rollback to s; insert into events values ${row}`,
      { late: 1, touched: false },
    ],
  ]

  test('notes every way in which a change comes', async () => {
    await moveUntil('pack:swapping')
    await db.withSession(async (session) => {
      for (const [what, statement, expected] of ways) {
        await session.query(sql`begin`)
        await session.query(sql.raw(statement))
        expect(await noted(session), what).toEqual(expected)
        await session.query(sql`rollback`)
        expect(await noted(session), `${what}, taken back`).toEqual({ late: 0, touched: false })
      }
      const rows = [
        '1,2026-01-01 12:30Z,1,1.5,late',
        '2,2026-01-01 12:31Z,1,1.5,late',
        '3,2026-01-02 12:31Z,1,1.5,not here',
      ]
      await copyIn(session, 'copy events from stdin (format csv)', Readable.from([`${rows.join('\n')}\n`]))
      expect(await noted(session), 'rows by COPY').toEqual({ late: 2, touched: false })
    })
  })

  test('does not fail a row that comes under other names, and begins anew', async () => {
    await moveUntil('pack:swapping')
    await run(db, `insert into events values ${row}`, 'alter table events rename column note to remark')
    await run(db, `insert into events (id, at, kind, remark) values (2, '2026-01-01 12:31Z', 1, 'late')`)
    expect(await noted()).toEqual({ late: 1, touched: true })
    await run(db, 'alter table events rename column remark to note')
    const before = await sumOf(db)
    expect(await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })).toMatchObject({
      state: 'packed',
    })
    expect(await sumOf(db)).toBe(before)
  })

  test('a role that may only insert leaves its notes', async () => {
    const role = `pgstrata_guard_${version}_${process.pid}`
    await run(
      db,
      `create role ${role} login; grant usage on schema public to ${role}; grant insert on events to ${role}`,
    )
    try {
      await moveUntil('pack:swapping')
      await run(db, `set role ${role}; insert into events values ${row}; reset role`)
      expect(await noted()).toEqual({ late: 1, touched: false })
    } finally {
      await run(db, `reset role; drop owned by ${role}; drop role ${role}`)
    }
  })

  test('is not there before and behind a move, nor behind one that was taken back', async () => {
    const triggers = (): Promise<readonly string[]> =>
      textsOf(
        db,
        `select tgname as text from pg_trigger where tgrelid = '${first}'::regclass and tgname like 'pgstrata_guard%'`,
      )
    expect(await triggers()).toEqual([])
    await moveUntil('pack:building')
    expect(await triggers()).toHaveLength(2)
    const before = await sumOf(db)
    expect(await abortPartition(moveTools(db), { table: events, partition: first })).toMatchObject({ state: 'hot' })
    expect(await triggers()).toEqual([])
    await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })
    expect(await triggers()).toEqual([])
    expect(await sumOf(db)).toBe(before)
  })

  test('of a packed partition: changes of its loose rows, and a segment that somebody takes out', async () => {
    await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })
    await run(db, `update events_history set note = 'loose' where id = 100001`)
    await moveUntil('pack:guarding')
    // It takes its segment before the guard is made, and is waited for.
    const other = openDb({ url: database.url })
    const taker = await hold(database.url, 'begin', `update events_history set note = 'x' where id = 100002`)
    const moving = movePartition(moveTools(other), { table: events, partition: first, move: 'pack' })
    moving.catch(() => undefined)
    await taker.end('commit')
    expect(await moving).toMatchObject({ state: 'packed' })
    await other.close()
    await moveUntil('pack:swapping')
    await run(db, `update events_history set note = 'taken' where id = 100003`)
    expect((await noted()).touched).toBe(true)
    await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })
    const notes = await textsOf(
      db,
      `select note as text from events_history where id between 100001 and 100003 order by id`,
    )
    expect(notes).toEqual(['loose', 'x', 'taken'])
  })
})

test('a transaction that was prepared, and ends behind the snapshot', { timeout: 120_000 }, async () => {
  const cluster = await startCluster({ inMemory: true, settings: { max_prepared_transactions: '5' } })
  const db = openDb({ url: cluster.primary.url() })
  try {
    const events = tieredEvents()
    await createEvents(db, events)
    const { seen, onCommit } = once('pack:building', () =>
      db.withSession((session) =>
        session.query(sql.raw(`begin; insert into events values ${row}; prepare transaction 'guarded'`)),
      ),
    )
    const moving = movePartition(
      moveTools(db, {
        onCommit: async (what) => {
          await onCommit(what)
          if (what === 'pack:settling') await run(db, `commit prepared 'guarded'`)
        },
      }),
      { table: events, partition: first, move: 'pack' },
    )
    expect(await moving).toMatchObject({ state: 'packed', anew: 0 })
    expect(seen).toContain('pack:swapping')
    expect(await rowsOf(db, first)).toHaveLength(1)
    expect(await rowsOf(db, 'events_history')).toHaveLength(1_201)
  } finally {
    await db.close()
    await cluster.stop()
  }
})
