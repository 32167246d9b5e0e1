// Moves that cannot come to their end: refused before they begin, or taken back at once, so that nobody who writes pays for them; and
// what subscribers of others are told of rows that move.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import { takeOver, type TierPartition } from '../../src/tiers/model/record.ts'
import type { Move } from '../../src/tiers/model/states.ts'
import { movePartition, runMoves } from '../../src/tiers/move/movers.ts'
import type { MoveTools } from '../../src/tiers/move/run.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { moveTools, recordOf, rowsOf, run, textsOf } from './exchange-support.ts'
import { createEvents, once, partitionOf, tieredEvents } from './move-support.ts'

const first = partitionOf(1)
const ofAll = 'create publication of_all for all tables'
const inserted = `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`

describe.each(versions)('a move that cannot come to its end, on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const events = tieredEvents({ due: { age: '1 day' } })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, events)
  })
  afterEach(() => database.close())

  const move = (what: Move, changes: Partial<MoveTools> = {}, table: TieredTable = events): Promise<TierPartition> =>
    movePartition(moveTools(db, changes), { table, partition: first, move: what })

  const guards = (): Promise<readonly string[]> =>
    textsOf(db, `select tgname as text from pg_trigger where tgname like 'pgstrata_guard%'`)

  test('is not begun where nothing is declared of packing', async () => {
    const { seen, onCommit } = once('', async () => {})
    const cold = { ...events, warm: undefined, cold: { due: { age: '1 year' }, grace: '7 days', to: undefined } }
    await expect(move('pack', { onCommit }, cold)).rejects.toMatchObject({ code: 'TIER_REFUSED' })
    expect(seen).toEqual([])
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'hot', request: null })
  })

  test.each(['slim', 'unpack'] as const)(
    'is not begun where the table in its place would lack something: %s',
    async (what) => {
      if (what === 'unpack') await move('pack')
      await run(db, `alter table ${first} add constraint own_check check (id > 0)`)
      const { seen, onCommit } = once('', async () => {})
      await expect(move(what, { onCommit })).rejects.toMatchObject({ code: 'TIER_REFUSED' })
      expect(seen).toEqual([])
    },
  )

  test.each([
    ['pack', 'pack:building', ofAll],
    ['slim', 'slim:building', `alter table ${first} add constraint own_check check (id > 0)`],
  ] as const)('is taken back where that turns out in its midst: %s', async (what, state, statement) => {
    const { seen, onCommit } = once(state, () => run(db, statement))
    await expect(move(what, { onCommit })).rejects.toMatchObject({ code: 'TIER_REFUSED' })
    expect(seen).toEqual([`${what}:guarding`, state, 'hot'])
    expect(await guards()).toEqual([])
    const record = await recordOf(db, events, first)
    expect(record).toMatchObject({ state: 'hot', request: null, failure: expect.stringMatching(/of_all|own_check/) })
    // No policy begins it again at once.
    expect(Date.parse(record.notBefore ?? '')).toBeGreaterThan(Date.now() + 30 * 60_000)
    expect(await rowsOf(db, 'events_history')).toHaveLength(1_200)
  })

  test('is not begun where a publication would tell of the tables that it makes', async () => {
    await run(db, ofAll)
    for (const what of ['pack', 'slim', 'archive'] as const) {
      const { seen, onCommit } = once('', async () => {})
      await expect(move(what, { onCommit })).rejects.toThrow(/of_all/)
      expect(seen).toEqual([])
    }
  })

  test('what keeps one partition waiting is told once', async () => {
    await run(
      db,
      `insert into pgstrata.rollup (name, schema_name, table_name, declared, shape, state)
      values ('by_kind', 'public', 'events', '{}', '{}', 'live')`,
    )
    const { moved, warnings } = await runMoves([events], moveTools(db, { at: new Date('2026-02-01T00:00Z') }))
    expect(moved).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('by_kind')])
  })

  test('a partition that is taken from its mover is not packed twice', async () => {
    const builds: string[] = []
    let slices = 0
    const count = async (take: boolean): Promise<void> => {
      slices += 1
      if (take && slices === 1) await takeOver(db, (await recordOf(db, events, first)).id)
    }
    const onCommit = (state: string): void => void builds.push(state)
    await expect(move('pack', { onCommit, throttle: () => count(true) })).rejects.toMatchObject({ code: 'TIER_BUSY' })
    expect(builds.at(-1)).toBe('pack:building')
    const disturbed = slices
    slices = 0
    expect(await move('pack', { throttle: () => count(false) })).toMatchObject({ state: 'packed' })
    expect(disturbed).toBe(slices)
  })

  test('rows that came late are not told twice to subscribers of others', async () => {
    await run(db, 'create publication others for table events with (publish_via_partition_root = true)')
    const late = once('pack:swapping', () => run(db, inserted))
    expect(await move('pack', { onCommit: late.onCommit })).toMatchObject({ state: 'packed', content: { rows: '201' } })
    expect(late.seen.filter((state) => state === 'pack:guarding')).toHaveLength(2)
    expect(await rowsOf(db, first)).toEqual([])
    expect(await rowsOf(db, 'events_history')).toHaveLength(1_201)
  })
})
