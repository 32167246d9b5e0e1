// Retention of a table with tiers: what it takes out has all of its rows, so that its hook, and whoever attaches it again, finds them.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { readMoves } from '../../src/tiers/move/readings.ts'
import { findTierTable } from '../../src/tiers/model/tables.ts'
import { movePartition, runMoves } from '../../src/tiers/move/movers.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { installRoutines, keepFor, partitionsOf, retentionOptions, retire } from '../partitions/life-support.ts'
import { createTiered, moveTools, recordOf, rowsOf, run, textsOf, tieredPlays } from './exchange-support.ts'
import { applyTiers } from './move-support.ts'

const january = 'plays_2026_01'
const at = '2026-05-01T00:00:00Z'

describe.each(versions)('retention of tiers on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays = tieredPlays({}, { retain: keepFor('3 months') })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createTiered(db, plays)
    const tier = await findTierTable(db, plays.partitioned)
    if (tier === undefined) throw new Error('no tiers')
    await db.withSession((session) => readMoves(session, plays, { tier, at: undefined }))
  })
  afterEach(() => database.close())

  /** As if it had been moved there. */
  const stand = (state: string): Promise<void> =>
    run(db, `update pgstrata.tier_partition set state = '${state}' where partition_name = '${january}'`)

  const dueFromSql = (): Promise<readonly string[]> =>
    textsOf(
      db,
      `select partition_name as text from pgstrata.upkeep('public', 'plays', '${at}') where action = 'detach'`,
    )

  test('a slim partition is taken out as any other', async () => {
    await movePartition(moveTools(db), { table: plays, partition: january, move: 'slim' })
    const report = await retire([plays.partitioned], retentionOptions(db, at))
    expect(report).toMatchObject({ detached: [january], warnings: [] })
  })

  test('a packed one is asked to be unpacked, and taken out when it is', async () => {
    await installRoutines(db)
    expect(await dueFromSql()).toEqual([january])
    await stand('packed')
    expect(await dueFromSql()).toEqual([])
    const report = await retire([plays.partitioned], retentionOptions(db, at))
    expect(report).toMatchObject({ detached: [], warnings: [`plays: ${january} is packed: it is unpacked first`] })
    expect(await recordOf(db, plays, january)).toMatchObject({
      state: 'packed',
      request: 'unpack',
      requestBy: 'person',
    })
    expect(await partitionsOf(db)).toContain(january)
    await stand('hot')
    expect(await retire([plays.partitioned], retentionOptions(db, at))).toMatchObject({ detached: [january] })
  })

  test('what is taken out of a packed one has all of its rows, also those that came late or were changed', async () => {
    await database.close()
    database = await testDatabase(version)
    db = database.db
    const packed = tieredPlays(
      {
        strength: 'packed',
        segmentBy: ['song_id'],
        orderBy: [{ column: 'played_at', descending: false }],
        indexes: [],
        accept: ['unenforced-references'],
        due: { count: 100 },
      },
      { retain: keepFor('3 months') },
    )
    await createTiered(db, packed)
    await applyTiers(db, [packed])
    await movePartition(moveTools(db), { table: packed, partition: january, move: 'pack' })
    await run(
      db,
      `insert into plays (id, played_at, song_id) values (7, '2026-01-09 12:00Z', 2)`,
      `update plays_history set note = 'changed' where id = 103`,
      `delete from plays_history where id = 104`,
    )
    const rows = (await rowsOf(db, 'plays_history')).filter((row) => row.includes('"2026-01-'))
    expect(rows).toHaveLength(20)
    const options = retentionOptions(db, at)
    expect(await retire([packed.partitioned], options)).toMatchObject({ detached: [] })
    const done = await runMoves([packed], moveTools(db, { at: new Date(at) }))
    expect(done).toEqual({ moved: [expect.stringMatching(`${january}.*: unpack, hot$`)], warnings: [] })
    expect(await retire([packed.partitioned], options)).toMatchObject({ detached: [january] })
    expect(await rowsOf(db, january)).toEqual(rows)
    expect((await rowsOf(db, 'plays_history')).filter((row) => row.includes('"2026-01-'))).toEqual([])
  })

  test.each(['pack:building', 'archived'])('one that is on its way (%s) is left until it is there', async (state) => {
    await installRoutines(db)
    await stand(state)
    const report = await retire([plays.partitioned], retentionOptions(db, at))
    expect(report).toMatchObject({
      detached: [],
      warnings: [`plays: ${january} is moved to another tier, and is left until it is there`],
    })
    expect(await dueFromSql()).toEqual([])
    expect(await recordOf(db, plays, january)).toMatchObject({ state, request: null })
    const { rows } = await db.query(sql`select from pgstrata.retired_partition`)
    expect(rows).toEqual([])
  })
})
