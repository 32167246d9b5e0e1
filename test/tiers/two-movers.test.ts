// Two movers of one table: one of them works, the other is told so or finds out; each partition is moved once, and whoever lost a
// partition changes nothing any more.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { advance, askFor, takeOver } from '../../src/tiers/model/record.ts'
import { abortPartition, movePartition, runMoves } from '../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { moveTools, recordOf, rowsOf, textsOf } from './exchange-support.ts'
import { createEvents, once, partitionOf, sumOf, tieredEvents } from './move-support.ts'

const first = partitionOf(1)

describe.each(versions)('two movers, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const events = tieredEvents()

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
  })
  afterEach(() => database.close())

  test('while one moves a partition, the other is told that somebody works on the table', async () => {
    const before = await sumOf(db)
    const refused: unknown[] = []
    const { onCommit } = once('pack:building', async () => {
      const second = movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })
      refused.push(await second.catch((error: unknown) => error))
      refused.push((await runMoves([events], moveTools(db))).warnings)
    })
    const moved = await movePartition(moveTools(db, { onCommit }), { table: events, partition: first, move: 'pack' })
    expect(refused[0]).toMatchObject({ code: 'TIER_BUSY' })
    expect(refused[1]).toEqual([expect.stringContaining('events')])
    expect(moved).toMatchObject({ state: 'packed', anew: 0 })
    expect(await sumOf(db)).toBe(before)
  })

  test('two that begin at once: every partition that was asked for is moved once', async () => {
    const before = await sumOf(db)
    await runMoves([events], moveTools(db, { at: new Date('2026-01-01T00:00Z') }))
    for (const day of [1, 2, 3]) {
      const { id } = await recordOf(db, events, partitionOf(day))
      await askFor(db, id, { move: 'pack', by: 'person' })
    }
    const at = new Date('2026-01-01T00:00Z')
    const other = openDb({ url: database.url })
    try {
      const runs = await Promise.all([db, other].map((each) => runMoves([events], moveTools(each, { at }))))
      // Whoever came second was told, or found nothing left to do.
      await runMoves([events], moveTools(db, { at }))
      expect(runs.flatMap(({ moved }) => moved).length).toBeGreaterThan(0)
    } finally {
      await other.close()
    }
    const history = await textsOf(
      db,
      `select from_state || ' ' || to_state as text from pgstrata.tier_move order by id`,
    )
    expect(history).toEqual(['hot packed', 'hot packed', 'hot packed'])
    expect(await sumOf(db)).toBe(before)
    expect(await rowsOf(db, partitionOf(3))).toEqual([])
  })

  test.each(['pack:guarding', 'pack:building', 'pack:settling', 'pack:swapping'])(
    'one that lost its partition in state %s changes nothing any more',
    async (state) => {
      const before = await sumOf(db)
      const { id } = await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })
      const { seen, onCommit } = once(state, () => takeOver(db, id))
      const failing = movePartition(moveTools(db, { onCommit }), { table: events, partition: first, move: 'pack' })
      await expect(failing).rejects.toMatchObject({ code: 'TIER_BUSY' })
      expect(seen.at(-1)).toBe(state)
      expect(await recordOf(db, events, first)).toMatchObject({ state, failures: 0 })
      expect(await sumOf(db)).toBe(before)
      // Who has it goes on, from where it is.
      expect(await movePartition(moveTools(db), { table: events, partition: first, move: 'pack' })).toMatchObject({
        state: 'packed',
      })
      expect(await sumOf(db)).toBe(before)
    },
  )

  test('a step that is done twice is refused the second time', async () => {
    const { onCommit } = once('pack:swapping', async () => {
      const record = await recordOf(db, events, first)
      const taken = await takeOver(db, record.id)
      await advance(db, taken, 'anew')
      await expect(advance(db, taken, 'anew')).rejects.toMatchObject({ code: 'TIER_BUSY' })
      await expect(advance(db, record, 'completed')).rejects.toMatchObject({ code: 'TIER_BUSY' })
    })
    const failing = movePartition(moveTools(db, { onCommit }), { table: events, partition: first, move: 'pack' })
    await expect(failing).rejects.toMatchObject({ code: 'TIER_BUSY' })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'pack:guarding' })
  })

  test('an abort takes the partition from whoever moves it, and waits for its step to end', async () => {
    const before = await rowsOf(db, 'events')
    const aborting: { ended?: Promise<unknown> } = {}
    const { onCommit } = once('pack:settling', async () => {
      aborting.ended = abortPartition(moveTools(db), { table: events, partition: first })
      const { rows } = await db.query(sql`select token from pgstrata.tier_partition where partition_name = ${first}`)
      expect(rows).toHaveLength(1)
    })
    const failing = movePartition(moveTools(db, { onCommit }), { table: events, partition: first, move: 'pack' })
    const outcome = await failing.then(() => 'moved').catch((error: unknown) => error)
    // The abort came before the swap, or behind it: then there is nothing to take back.
    const aborted = await aborting.ended?.catch((error: unknown) => error)
    if (outcome === 'moved') expect(aborted).toMatchObject({ code: 'TIER_STATE' })
    else expect(aborted).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events_history')).toEqual(before)
  })
})
