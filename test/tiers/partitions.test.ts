// What the upkeep of partitions knows of tiers: a period that is cold is not missing, rows of it wait in the default partition,
// partitions on their way are not altered, and the status says where each is. And a period that is restored is attached as complete
// as any other.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Db } from '../../src/db/db.ts'
import { readMissing } from '../../src/partitions/missing.ts'
import { readPartitionStatus } from '../../src/partitions/status.ts'
import { workOnTable } from '../../src/partitions/table-work.ts'
import { readSourceColumns } from '../../src/tiers/model/columns.ts'
import type { TieredTable } from '../../src/tiers/model/options.ts'
import { readTierPartition, takeOver } from '../../src/tiers/model/record.ts'
import { findTierTable } from '../../src/tiers/model/tables.ts'
import { attachIncoming } from '../../src/tiers/move/attach.ts'
import { fillIncoming, makeIncoming, settleIncoming } from '../../src/tiers/move/incoming.ts'
import { readMoves } from '../../src/tiers/move/readings.ts'
import { openRun } from '../../src/tiers/move/run.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { applyTables } from '../partitions/support.ts'
import { drain, installRoutines, partitionsOf, retentionOptions } from '../partitions/life-support.ts'
import {
  createTiered,
  indexesOf,
  indexOn,
  moveTools,
  oidOf,
  recordOf,
  rowsOf,
  run,
  textsOf,
  tieredPlays,
} from './exchange-support.ts'
import { applyTiers } from './move-support.ts'

const january = 'plays_2026_01'
const february = 'plays_2026_02'
const at = new Date('2026-06-15T12:00:00Z')

describe.each(versions)('partitions with tiers on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const plays: TieredTable = tieredPlays({}, { from: '2026-01-01', ahead: 0 })
  const withDefault: TieredTable = tieredPlays({}, { from: '2026-01-01', ahead: 0, outside: 'default' })

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await createTiered(db, plays)
    const tier = await findTierTable(db, plays.partitioned)
    if (tier === undefined) throw new Error('no tiers')
    await db.withSession((session) => readMoves(session, plays, { tier, at: undefined }))
  })
  afterEach(() => database.close())

  /** As if it had been archived and dropped. */
  const goCold = (partition: string): Promise<void> =>
    run(
      db,
      `create table kept as select * from ${partition}; drop table ${partition}`,
      `update pgstrata.tier_partition set state = 'cold', rest = 'cold', partition_oid = null where partition_name = '${partition}'`,
    )

  const missing = async (): Promise<readonly string[]> => {
    const found = await readMissing(db, {
      declared: plays.partitioned,
      parent: await oidOf(db, 'plays'),
      columnType: 'timestamptz',
      at,
    })
    return found.map(({ name }) => name)
  }

  test('a cold period is not missing, and one that was dropped by hand is', async () => {
    await installRoutines(db)
    await applyTables(db, [plays.partitioned], { at })
    const fromSql = (): Promise<readonly string[]> =>
      textsOf(
        db,
        `select partition_name as text from pgstrata.upkeep('public', 'plays', '${at.toISOString()}') where action = 'make'`,
      )
    expect(await missing()).toEqual([])
    await goCold(january)
    expect([await missing(), await fromSql()]).toEqual([[], []])
    await run(db, `drop table ${february}`)
    expect([await missing(), await fromSql()]).toEqual([[february], [february]])
    expect((await applyTables(db, [plays.partitioned], { at })).titles).toEqual([
      'Make 1 partition of table public.plays: plays_2026_02',
    ])
  })

  test('rows of a cold period stay in the default partition, and are told', async () => {
    await applyTables(db, [withDefault.partitioned], { at })
    await goCold(january)
    await run(db, `insert into plays (id, played_at) values (7, '2026-01-09 12:00Z')`)
    const report = await drain([withDefault.partitioned], retentionOptions(db, at.toISOString()))
    expect(report).toMatchObject({ made: [], rows: 0 })
    expect(report.warnings.join()).toContain('1 row of plays_default belong to periods that are in an archive')
    expect(await partitionsOf(db)).not.toContain(january)
  })

  test('one that is on its way is not altered, and the status says where each is', async () => {
    await applyTables(db, [plays.partitioned], { at })
    await run(db, `update pgstrata.tier_partition set state = 'pack:building' where partition_name = '${january}'`)
    const more = { ...plays.partitioned, indexes: [...plays.partitioned.indexes, indexOn('more', 'song_id, note')] }
    await applyTables(db, [more], { at })
    expect(await indexesOf(db, february)).toContain('plays_2026_02_more')
    expect(await indexesOf(db, january)).not.toContain('plays_2026_01_more')
    await run(
      db,
      `create table pgstrata.pack_77 as select g, repeat('x', 100) from generate_series(1, 1000) g`,
      `update pgstrata.tier_partition set state = 'packed', pack = 77 where partition_name = '${february}'`,
    )
    const [status] = await readPartitionStatus(db, [plays.partitioned])
    expect(status?.partitions.map(({ name, tier }) => `${name} ${tier}`).slice(0, 3)).toEqual([
      `${january} moving`,
      `${february} packed`,
      'plays_2026_03 hot',
    ])
    const [before, packed] = [status?.partitions[2]?.sizeBytes ?? 0, status?.partitions[1]?.sizeBytes ?? 0]
    expect(packed).toBeGreaterThan(before + 100_000)
  })

  test('a period that is restored is attached complete, with rows of it that waited in the default partition', async () => {
    await applyTables(db, [withDefault.partitioned], { at })
    await run(
      db,
      `create table seen (what text);
      create function tell() returns trigger language plpgsql as 'begin insert into seen values (tg_op); return null; end';
      create trigger told_row after insert or update or delete on plays for each row execute function tell();
      create trigger told after delete on plays_default for each statement execute function tell();
      alter table plays_default enable always trigger told`,
    )
    await applyTiers(db, [withDefault])
    const before = await rowsOf(db, 'plays')
    const indexes = await indexesOf(db, january)
    await goCold(january)
    await run(db, `insert into plays (id, played_at, note) values (7, '2026-01-09 12:00Z', 'waited')`, `truncate seen`)
    await run(db, `update pgstrata.tier_partition set state = 'restore:loading' where partition_name = '${january}'`)
    const { id } = await recordOf(db, withDefault, january)
    const tools = moveTools(db)
    const oid = await oidOf(db, 'plays')
    await workOnTable({ ...tools, clock: systemClock }, { key: 'plays', oid }, async (session) => {
      const moving = openRun(tools, { session, table: withDefault, record: await takeOver(session, id) })
      const subject = { table: withDefault, record: moving.record, form: 'whole' } as const
      await session.query({ text: 'begin', values: [] })
      const incoming = await makeIncoming(session, subject)
      const columns = await readSourceColumns(session, oid)
      await fillIncoming(session, subject, { from: 'kept', columns, order: [] })
      await settleIncoming(session, subject)
      await session.query({
        text: `update pgstrata.tier_partition set state = 'restore:attaching', incoming = ${incoming} where id = ${id}`,
        values: [],
      })
      await session.query({ text: 'commit', values: [] })
      moving.record = await readTierPartition(session, id)
      await attachIncoming(moving)
      expect(moving.record).toMatchObject({ state: 'hot', held: true, oid: incoming })
    })
    const after = await rowsOf(db, 'plays')
    expect(after.filter((row) => !row.includes('waited'))).toEqual(before)
    expect(await textsOf(db, `select note as text from ${january} where id = 7`)).toEqual(['waited'])
    expect(await indexesOf(db, january)).toEqual(indexes)
    expect(await rowsOf(db, 'seen')).toEqual([])
    expect(
      await textsOf(
        db,
        `select tgname || tgenabled::text as text from pg_trigger where tgrelid = 'plays_default'::regclass and not tgisinternal order by 1`,
      ),
    ).toEqual(['toldA', 'told_rowO'])
    expect(await textsOf(db, `select conname as text from pg_constraint where conname like 'pgstrata%'`)).toEqual([])
  })
})
