// Moves by the declaration: as time passes, partitions are packed, those that are too many bytes too, and what a run begins after it
// was paused, or in another cluster than before, comes to a good end.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import { readTierPartitions } from '../../src/tiers/model/record.ts'
import { findTierTable, setPaused } from '../../src/tiers/model/tables.ts'
import { movePartition, runMoves, type MoveReport } from '../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { moveTools, recordOf, run } from './exchange-support.ts'
import { createEvents, days, once, partitionOf, sumOf, tieredEvents } from './move-support.ts'

describe.each(versions)('moves by the declaration, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  const moveDue = (table: TieredTable, at: string, onCommit?: (what: string) => Promise<void>): Promise<MoveReport> =>
    runMoves([table], moveTools(db, { at: new Date(at), onCommit }))

  const statesOf = async (table: TieredTable): Promise<readonly string[]> => {
    const tier = await findTierTable(db, table.partitioned)
    const known = await readTierPartitions(db, tier?.id ?? 0)
    return days.map((day) => known.find(({ name }) => name === partitionOf(day))?.state ?? 'unknown')
  }

  test('a partition is packed when its end is old enough, and held ones never', async () => {
    const table = tieredEvents({ due: { age: '2 days' } })
    await createEvents(db, table)
    const before = await sumOf(db)
    expect(await moveDue(table, '2026-01-03T23:59Z')).toEqual({ moved: [], warnings: [] })
    expect(await moveDue(table, '2026-01-04T00:00Z')).toMatchObject({
      moved: [expect.stringContaining('pack, packed')],
      warnings: [],
    })
    expect(await statesOf(table)).toEqual(['packed', 'hot', 'hot', 'hot', 'hot', 'hot'])
    await movePartition(moveTools(db), { table, partition: partitionOf(1), move: 'unpack' })
    const { moved } = await moveDue(table, '2026-01-06T00:00Z')
    expect(moved).toHaveLength(2)
    expect(await statesOf(table)).toEqual(['hot', 'packed', 'packed', 'hot', 'hot', 'hot'])
    expect(await moveDue(table, '2026-01-06T00:00Z')).toEqual({ moved: [], warnings: [] })
    expect(await sumOf(db)).toBe(before)
  })

  test('the oldest go while ordinary ones take more than is allowed', async () => {
    const bytes = 3.5 * 100_000
    const table = tieredEvents({ due: undefined, overBytes: bytes })
    await createEvents(db, table, 600)
    const { rows } = await db.query<{ bytes: number }>(
      sql`select pg_total_relation_size(${partitionOf(1)})::float8 as bytes`,
    )
    const each = rows[0]?.bytes ?? 0
    const fits = { ...table, warm: table.warm && { ...table.warm, overBytes: 3.5 * each } }
    await moveDue(fits, '2026-01-20T00:00Z')
    expect(await statesOf(fits)).toEqual(['packed', 'packed', 'packed', 'hot', 'hot', 'hot'])
  })

  test('what came late or was changed is packed with the rest once it is a tenth of it', async () => {
    const table = tieredEvents({ due: { age: '1 day' } })
    await createEvents(db, table, 1_000)
    await moveDue(table, '2026-01-03T00:00Z')
    const first = await recordOf(db, table, partitionOf(1))
    await run(db, `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`)
    expect((await moveDue(table, '2026-01-03T00:00Z')).moved).toEqual([])
    await run(db, `update events_history set note = note || '!' where at < '2026-01-02 00:00Z'`)
    const before = await sumOf(db)
    expect((await moveDue(table, '2026-01-03T00:00Z')).moved).toHaveLength(1)
    const again = await recordOf(db, table, partitionOf(1))
    expect(again).toMatchObject({ state: 'packed', content: { rows: '1001' } })
    expect(again.pack).not.toBe(first.pack)
    expect(await sumOf(db)).toBe(before)
  })

  test('a pause ends what a policy began behind its step, and it goes on where it was', async () => {
    const table = tieredEvents({ due: { age: '1 day' } })
    await createEvents(db, table)
    const { id } = (await findTierTable(db, table.partitioned)) ?? { id: 0 }
    const { seen, onCommit } = once('pack:settling', () => setPaused(db, id, true))
    expect((await moveDue(table, '2026-01-03T00:00Z', onCommit)).moved).toEqual([])
    expect(seen.at(-1)).toBe('pack:settling')
    expect(await moveDue(table, '2026-01-03T00:00Z')).toEqual({ moved: [], warnings: [] })
    expect((await statesOf(table))[0]).toBe('pack:settling')
    await setPaused(db, id, false)
    expect((await moveDue(table, '2026-01-03T00:00Z')).moved).toHaveLength(1)
    expect((await statesOf(table))[0]).toBe('packed')
  })

  test.each(['pack:guarding', 'pack:building', 'pack:settling', 'pack:swapping'])(
    'a move that stood in state %s when the database was dumped is given up in another cluster',
    async (state) => {
      const table = tieredEvents({ due: { age: '1 day' } })
      await createEvents(db, table)
      const before = await sumOf(db)
      const { id } = (await findTierTable(db, table.partitioned)) ?? { id: 0 }
      const { onCommit } = once(state, () => setPaused(db, id, true))
      await moveDue(table, '2026-01-03T00:00Z', onCommit)
      await run(db, `update pgstrata.tier_table set paused = false, declared = declared || '{"system": "1"}'`)
      expect(await findTierTable(db, table.partitioned)).toMatchObject({ isAtHome: false })
      const report = await moveDue(table, '2026-01-02T00:00Z')
      expect(report.warnings).toEqual([expect.stringContaining('restored in another cluster')])
      expect(await recordOf(db, table, partitionOf(1))).toMatchObject({ state: 'hot', nextPack: null, snapshot: null })
      expect(await findTierTable(db, table.partitioned)).toMatchObject({ isAtHome: true })
      expect(await sumOf(db)).toBe(before)
      expect((await moveDue(table, '2026-01-03T00:00Z')).moved).toHaveLength(1)
      expect(await sumOf(db)).toBe(before)
    },
  )
})
