// Back to an ordinary partition: what a slim or a packed one has is in a table again as the layout declares it, whoever reads or
// writes meanwhile.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import type { TierPartition } from '../../src/tiers/model/record.ts'
import type { Move } from '../../src/tiers/model/states.ts'
import { abortPartition, movePartition } from '../../src/tiers/move/movers.ts'
import type { MoveTools } from '../../src/tiers/move/run.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import {
  createTiered,
  indexesOf,
  moveTools,
  patientLadder,
  oidOf,
  recordOf,
  rowsOf,
  run,
  textsOf,
  tieredPlays,
} from './exchange-support.ts'
import { applyTiers, createEvents, hold, once, partitionOf, sumOf, tieredEvents } from './move-support.ts'

const january = 'plays_2026_01'
const first = partitionOf(1)
const steps = ['unpack:guarding', 'unpack:building', 'unpack:settling', 'unpack:swapping'] as const

describe.each(versions)('unpacking on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const events = tieredEvents()

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  const move = (what: Move, changes: Partial<MoveTools> = {}): Promise<TierPartition> =>
    movePartition(moveTools(db, changes), { table: events, partition: first, move: what })

  /** Packed, with a row that came late, one that was changed and one that is gone. */
  async function createPacked(): Promise<void> {
    await createEvents(db, events)
    await move('pack')
    await run(
      db,
      `insert into events values (1, '2026-01-01 12:30Z', 1, 1.5, 'late')`,
      `update events_history set note = 'changed' where id = 100007`,
      `delete from events_history where id = 100008`,
    )
  }

  /** Whatever packs and moves make for themselves. */
  const leftovers = (): Promise<readonly string[]> =>
    textsOf(
      db,
      `select relname as text from pg_class where relname ~ '^(pgstrata_tier_|late_|tier_barrier_[0-9]|pack_|tier_[0-9]+_loose_)' and relkind in ('r', 'p', 'v')
      union all select proname from pg_proc where proname ~ '^(late_|pack_)'
      union all select tgname from pg_trigger where tgname like 'pgstrata_guard%' or tgname = 'pgstrata_packed_key'
      union all select conname from pg_constraint where conname like 'pgstrata_%'
      union all select 'pack' from pgstrata.tier_pack
      union all select 'touch' from pgstrata.tier_touch`,
    )

  test('a slim partition has the indexes of all others again, and policies leave it alone', async () => {
    const plays = tieredPlays()
    await createTiered(db, plays)
    const before = await rowsOf(db, 'plays')
    await movePartition(moveTools(db), { table: plays, partition: january, move: 'slim' })
    expect(await recordOf(db, plays, january)).toMatchObject({ state: 'slim', held: false })
    await movePartition(moveTools(db), { table: plays, partition: january, move: 'unpack' })
    expect(await recordOf(db, plays, january)).toMatchObject({ state: 'hot', held: true, tierBytes: null })
    expect(await rowsOf(db, 'plays')).toEqual(before)
    expect(await indexesOf(db, january)).toEqual(['plays_2026_01_by_note', 'plays_2026_01_pkey'])
    expect(
      await textsOf(db, `select unnest(reloptions) as text from pg_class where oid = '${january}'::regclass`),
    ).toEqual(['fillfactor=80'])
  })

  test('a packed one has its pack, what came late and what was changed in its table again, and nothing besides', async () => {
    await createPacked()
    const before = await rowsOf(db, 'events_history')
    expect(before).toHaveLength(1_200)
    const { seen, onCommit } = once('', async () => {})
    const moved = await move('unpack', { onCommit })
    expect(moved).toMatchObject({ state: 'hot', held: true, pack: null, incoming: null, tierBytes: null, anew: 0 })
    expect(seen).toEqual([...steps, 'hot'])
    expect(await rowsOf(db, 'events')).toEqual(before)
    expect(await rowsOf(db, 'events_history')).toEqual(before)
    expect(await rowsOf(db, first)).toHaveLength(200)
    expect(await leftovers()).toEqual([])
    expect(await indexesOf(db, first)).toEqual([`${first}_pkey`])
    // As any other: packed again it is the same.
    await move('pack')
    expect(await rowsOf(db, 'events_history')).toEqual(before)
    expect(await rowsOf(db, first)).toEqual([])
  })

  test.each([
    ['a packed row is changed', `update events_history set note = 'meanwhile' where id = 100009`],
    ['a loose row is changed', `update events_history set note = 'meanwhile' where id = 100007`],
    ['a packed row is deleted', `delete from events_history where id = 100009`],
    ['a row that came late is changed', `update events set note = 'meanwhile' where id = 1`],
    ['a row moves to another partition', `update events_history set at = '2026-01-02 12:31Z' where id = 100009`],
  ])('where %s meanwhile, it begins anew, and has that', async (_how, statement) => {
    await createPacked()
    const disturbed = once('unpack:swapping', () => run(db, statement))
    const moved = await move('unpack', { onCommit: disturbed.onCommit })
    expect(moved).toMatchObject({ state: 'hot', pack: null })
    expect(disturbed.seen).toEqual([...steps, ...steps, 'hot'])
    await run(db, 'create table expected as select * from events_history')
    expect(await rowsOf(db, 'events')).toEqual(await rowsOf(db, 'expected'))
    const left = statement.startsWith('delete') ? 1_199 : 1_200
    expect(await rowsOf(db, 'expected')).toHaveLength(left)
    expect(await leftovers()).toEqual([])
  })

  test('a change of a packed row that is open when the guard comes is found, however it ends', async () => {
    await createPacked()
    const writer = await hold(database.url, 'begin', `update events_history set note = 'meanwhile' where id = 100009`)
    const ended = once('unpack:guarding', async () => void writer.end('commit'))
    await move('unpack', { onCommit: ended.onCommit })
    expect(await textsOf(db, `select note as text from ${first} where id = 100009`)).toEqual(['meanwhile'])
    expect(await rowsOf(db, 'events')).toHaveLength(1_200)
    expect(await leftovers()).toEqual([])
  })

  test('who reads an old snapshot reads all of it, and is waited for', async () => {
    await createPacked()
    const before = await sumOf(db)
    const reader = await hold(database.url, 'begin isolation level repeatable read', 'select 1')
    const quick = { firstTimeoutMs: 50, lastTimeoutMs: 100, tries: 2, concurrentTimeoutMs: 500 }
    await expect(move('unpack', { ladder: quick })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'unpack:settling' })
    expect(await sumOf(reader.session)).toBe(before)
    expect(await sumOf(db)).toBe(before)
    await reader.end('commit')
    expect(await move('unpack')).toMatchObject({ state: 'hot' })
    expect(await sumOf(db)).toBe(before)
  })

  test('who reads all the time finds every row once', async () => {
    await createPacked()
    const before = await sumOf(db)
    const sums = new Set<string>()
    let reads = 0
    const moving = { isOver: false }
    const reading = (async () => {
      while (!moving.isOver) {
        sums.add(await sumOf(db))
        reads += 1
      }
    })()
    try {
      for (const what of ['unpack', 'pack', 'unpack'] as const) await move(what, { ladder: patientLadder })
    } finally {
      moving.isOver = true
      await reading
    }
    expect([...sums]).toEqual([before])
    expect(reads).toBeGreaterThan(3)
  })

  test('taken back, it is packed as before', async () => {
    await createPacked()
    const before = await rowsOf(db, 'events_history')
    const [pack, oid] = [(await recordOf(db, events, first)).pack, await oidOf(db, first)]
    const stopped = once('unpack:swapping', async () => Promise.reject(new Error('stopped')))
    await expect(move('unpack', { onCommit: stopped.onCommit })).rejects.toThrow('stopped')
    await abortPartition(moveTools(db), { table: events, partition: first })
    expect(await recordOf(db, events, first)).toMatchObject({ state: 'packed', pack, oid })
    expect(await rowsOf(db, 'events_history')).toEqual(before)
    expect((await leftovers()).filter((name) => !/pack_|loose_|pgstrata_packed_key|^pack$/.test(name))).toEqual([])
    expect(await move('unpack')).toMatchObject({ state: 'hot' })
    expect(await rowsOf(db, 'events')).toEqual(before)
  })

  test('foreign keys hold again: a packed row that refers to what is gone keeps it packed', async () => {
    const plays: TieredTable = tieredPlays({
      strength: 'packed',
      segmentBy: ['song_id'],
      orderBy: [{ column: 'played_at', descending: false }],
      indexes: [],
      accept: ['unenforced-references'],
    })
    await createTiered(db, plays)
    await applyTiers(db, [plays])
    const unpack = (): Promise<TierPartition> =>
      movePartition(moveTools(db), { table: plays, partition: january, move: 'unpack' })
    const before = await rowsOf(db, 'plays')
    await movePartition(moveTools(db), { table: plays, partition: january, move: 'pack' })
    await run(db, `update plays set song_id = 1 where song_id = 5`, `delete from songs where id = 5`)
    await expect(unpack()).rejects.toMatchObject({ code: 'TIER_FAILED', details: { sqlstate: '23503' } })
    expect(await recordOf(db, plays, january)).toMatchObject({ state: 'packed', request: null, incoming: null })
    expect(await textsOf(db, `select tgname as text from pg_trigger where tgname like 'pgstrata_guard%'`)).toEqual([])
    expect((await rowsOf(db, 'plays_history')).length).toBe(before.length)
    await run(db, `insert into songs values (5)`)
    expect(await unpack()).toMatchObject({ state: 'hot' })
    expect((await rowsOf(db, january)).toSorted()).toEqual(before.filter((row) => row.includes('"2026-01-')))
    const { rows } = await db.query(sql`
      select from pg_constraint where conrelid = ${january}::regclass and contype = 'f' and convalidated`)
    expect(rows).toHaveLength(1)
  })
})
