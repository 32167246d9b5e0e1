// A slim partition is an ordinary one in the order of its segments, with the indexes that are declared for it; and the plan, which
// knows what each partition is to have, leaves it as it is.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { applyTables } from '../partitions/support.ts'
import {
  createTiered,
  indexesOf,
  indexOn,
  makeTiered,
  moveTools,
  run,
  textsOf,
  tieredPlays,
} from './exchange-support.ts'

const january = 'plays_2026_01'
const at = new Date('2026-06-15T12:00:00Z')

describe.each(versions)('a slim partition on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
  })
  afterEach(() => database.close())

  const slim = (table: TieredTable): ReturnType<typeof movePartition> =>
    movePartition(moveTools(db), { table, partition: january, move: 'slim' })

  test('has its own indexes, no room for updates, and its rows in order', async () => {
    const plays = tieredPlays({ segmentBy: ['song_id'] })
    await createTiered(db, plays)
    expect(await indexesOf(db, january)).toEqual(['plays_2026_01_by_note', 'plays_2026_01_pkey'])
    await slim(plays)
    expect(await indexesOf(db, january)).toEqual(['plays_2026_01_by_song', 'plays_2026_01_pkey'])
    expect(await indexesOf(db, 'plays_2026_02')).toEqual(['plays_2026_02_by_note', 'plays_2026_02_pkey'])
    expect(
      await textsOf(db, `select unnest(reloptions) as text from pg_class where oid = '${january}'::regclass`),
    ).toEqual(['fillfactor=100'])
    expect(
      await textsOf(
        db,
        `select string_agg(id::text, ',' order by ctid) = string_agg(id::text, ',' order by song_id, played_at desc) as text from ${january}`,
      ),
    ).toEqual([true])
  })

  test('is found by BRIN where its rows are in the order of time', async () => {
    const plays = tieredPlays()
    await createTiered(db, plays)
    await slim(plays)
    expect(await indexesOf(db, january)).toEqual(['plays_2026_01_brin', 'plays_2026_01_by_song', 'plays_2026_01_pkey'])
  })

  test('is compressed by LZ4 where the server has it, and its values are the same', async () => {
    // No index takes a value of that size.
    const plays = tieredPlays({}, { indexes: [] })
    await createTiered(db, plays)
    await run(
      db,
      `insert into plays (id, played_at, note) select 5, '2026-01-20Z', string_agg(md5(g::text), '') || repeat('x', 20000) from generate_series(1, 300) g`,
    )
    const hash = `select md5(note) as text from ${january} where id = 5`
    const before = await textsOf(db, hash)
    await slim(plays)
    expect(await textsOf(db, hash)).toEqual(before)
    const [hasLz4] = await textsOf(
      db,
      `select 'lz4' = any(enumvals) as text from pg_settings where name = 'default_toast_compression'`,
    )
    expect(await textsOf(db, `select pg_column_compression(note) as text from ${january} where id = 5`)).toEqual([
      hasLz4 ? 'lz4' : 'pglz',
    ])
  })

  test('is left as it is by the plan, which follows what is declared of slim ones', async () => {
    const plays = tieredPlays()
    await createTiered(db, plays)
    await applyTables(db, [plays.partitioned], { at })
    await slim(plays)
    expect((await applyTables(db, [plays.partitioned], { at })).titles).toEqual([])
    const other = tieredPlays({ indexes: [indexOn('by_pair', 'song_id, note')] })
    await makeTiered(db, other)
    expect((await applyTables(db, [plays.partitioned], { at })).titles).toEqual([
      'Index "by_pair" of 1 slim partition of table public.plays',
    ])
    expect(await indexesOf(db, january)).toContain('plays_2026_01_by_pair')
    expect(await indexesOf(db, 'plays_2026_02')).not.toContain('plays_2026_02_by_pair')
    // Slimmed again, it has those alone.
    await slim(other)
    expect(await indexesOf(db, january)).toEqual(['plays_2026_01_brin', 'plays_2026_01_by_pair', 'plays_2026_01_pkey'])
  })
})
