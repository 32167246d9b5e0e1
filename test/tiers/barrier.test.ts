// Readers that hold an old snapshot while a partition is packed: the swap waits for them, and nothing else does; each of them reads
// every row once, in every statement.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { abortPartition, movePartition, runMoves } from '../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { moveTools, patientLadder, recordOf, run, textsOf } from './exchange-support.ts'
import { applyTiers, createEvents, hold, once, partitionOf, sumOf, tieredEvents, type Holder } from './move-support.ts'

const first = partitionOf(1)
const reading = ['begin isolation level repeatable read', 'select 1 from pg_class limit 1'] as const

describe.each(versions)('old snapshots, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const events = tieredEvents()

  const move = (
    onCommit?: (what: string) => Promise<void>,
    concurrentTimeoutMs = 30_000,
  ): ReturnType<typeof movePartition> => {
    const tools = moveTools(db, { onCommit })
    return movePartition(
      { ...tools, ladder: { ...tools.ladder, concurrentTimeoutMs } },
      { table: events, partition: first, move: 'pack' },
    )
  }

  /** The wait before the swap has come to somebody. */
  const isSettling = async (): Promise<boolean> => {
    const { rows } = await db.query(sql`
      select
      from pg_stat_activity
      where datname = current_database()
        and query like 'create index concurrently%'
        and wait_event_type = 'Lock'`)
    return rows.length > 0
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
  })
  afterEach(() => database.close())

  test.each(['before the move', 'pack:building', 'pack:settling'])(
    'one that was taken %s is waited for',
    async (when) => {
      const before = await sumOf(db)
      const readers = when === 'before the move' ? [await hold(database.url, ...reading)] : []
      const { seen, onCommit } = once(when, async () => void readers.push(await hold(database.url, ...reading)))
      const moving = move(onCommit)
      await waitUntil(isSettling, { what: 'the mover waits for the reader' })
      const [reader] = readers
      if (reader === undefined) throw new Error('Nobody reads')
      // Others read and write meanwhile.
      expect(await sumOf(db)).toBe(before)
      await run(db, `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`)
      expect(await sumOf(reader.session)).toBe(before)
      expect(seen).not.toContain('pack:swapping')
      await reader.end('commit')
      expect(await moving).toMatchObject({ state: 'packed', anew: 0 })
      expect(await sumOf(db)).not.toBe(before)
    },
  )

  test('one that was taken behind the wait reads what was packed, before and behind the swap', async () => {
    const before = await sumOf(db)
    const reader = await hold(database.url, 'begin isolation level repeatable read')
    const { onCommit } = once('pack:swapping', () => reader.session.query(sql`select`))
    expect(await move(onCommit)).toMatchObject({ state: 'packed' })
    await run(db, `delete from events_history where id = 100001`)
    expect(await sumOf(reader.session)).toBe(before)
    await reader.end('commit')
    expect(await sumOf(db)).not.toBe(before)
  })

  test('rows that came late are read once by whoever saw them come, and by nobody who did not', async () => {
    const late = (id: number): string => `insert into events values (${id}, '2026-01-01 12:30Z', 1, 1.5, 'late')`
    // Somebody else's table: readers of it have that one's rights.
    const owner = `pgstrata_late_${version}_${process.pid}`
    await run(
      db,
      `create role ${owner}`,
      `alter table events owner to ${owner}`,
      `grant create, usage on schema public to ${owner}`,
    )
    await run(db, `alter table events add column twice int generated always as (kind * 2) stored`)
    await applyTiers(db, [events])
    const open: Record<string, Holder> = {}
    const sums: Record<string, string> = {}
    const { onCommit } = once('pack:swapping', async () => {
      for (const [name, id] of [
        ['before', 1],
        ['between', 2],
        ['behind', 3],
      ] as const) {
        open[name] = await hold(database.url, ...reading)
        sums[name] = await sumOf(db)
        await run(db, late(id))
      }
      open['all'] = await hold(database.url, ...reading)
      sums['all'] = await sumOf(db)
    })
    expect(await move(onCommit)).toMatchObject({ state: 'packed', anew: 0 })
    expect(new Set(Object.values(sums)).size).toBe(4)
    const readEach = async (): Promise<Record<string, string>> => {
      const each = Object.entries(open).map(async ([name, { session }]) => [name, await sumOf(session)] as const)
      return Object.fromEntries(await Promise.all(each))
    }
    expect(await readEach()).toEqual(sums)
    expect(await sumOf(db)).toBe(sums['all'])
    await run(
      db,
      `delete from events where id = 1`,
      `update events_history set note = 'changed' where id in (2, 100001)`,
    )
    expect(await readEach()).toEqual(sums)
    const after = await sumOf(db)
    // Another pack, and readers made anew: they are read all the same.
    const others = { table: events, partition: partitionOf(3), move: 'pack' } as const
    const tools = moveTools(db)
    const ladder = { ...tools.ladder, concurrentTimeoutMs: 300 }
    await expect(movePartition({ ...tools, ladder }, others)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    await applyTiers(db, [events])
    expect(await readEach()).toEqual(sums)
    expect(await leftLate()).not.toEqual([])
    await Promise.all(Object.values(open).map((holder) => holder.end('commit')))
    expect(await movePartition(tools, others)).toMatchObject({ state: 'packed' })
    await runMoves([events], { ...tools, at: new Date('2026-01-01T00:00Z') })
    expect(await leftLate()).toEqual([])
    expect(await sumOf(db)).toBe(after)
    await run(db, `reassign owned by ${owner} to current_user`, `drop owned by ${owner}`, `drop role ${owner}`)
  })

  /** What is kept for old snapshots. */
  const leftLate = (): Promise<readonly string[]> =>
    textsOf(
      db,
      `select relname as text from pg_class where relname ~ '^(pack_[0-9]+_)?late' and relkind in ('r', 'v') order by 1`,
    )

  test('one that does not end makes the move end for now: nothing is lost, and the next one goes on', async () => {
    const reader = await hold(database.url, ...reading)
    await expect(move(undefined, 300)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'pack:settling', failures: 1 })
    await reader.end('rollback')
    expect(await move()).toMatchObject({ state: 'packed', failure: null, failures: 0 })
    const { rows } = await db.query(sql`select from pg_class where relname ~ '^tier_barrier_[0-9]'`)
    expect(rows).toEqual([])
  })

  test('what a mover that was killed in the wait has left goes with an abort', async () => {
    const reader = await hold(database.url, ...reading)
    await expect(move(undefined, 300)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    const { id } = await recordOf(db, events, first)
    await run(db, `create table pgstrata.tier_barrier_${id} (id integer)`)
    await reader.end('rollback')
    const aborted = await abortPartition(moveTools(db), { table: events, partition: first })
    expect(aborted).toMatchObject({ state: 'hot' })
    const { rows } = await db.query(sql`select from pg_class where relname ~ '^tier_barrier_[0-9]'`)
    expect(rows).toEqual([])
  })

  test('a statement that reads while the swap comes finds all rows', async () => {
    const before = await sumOf(db)
    const sums = new Set<string>()
    const state = { over: false, reads: 0 }
    const readAll = async (): Promise<void> => {
      for (; !state.over; state.reads++) sums.add(await sumOf(db))
    }
    const readers = [readAll(), readAll(), readAll()]
    try {
      const tools = moveTools(db, { ladder: patientLadder })
      for (let time = 0; time < 3; time++) await movePartition(tools, { table: events, partition: first, move: 'pack' })
    } finally {
      state.over = true
      await Promise.all(readers)
    }
    expect(state.reads).toBeGreaterThan(3)
    expect([...sums]).toEqual([before])
  })
})
