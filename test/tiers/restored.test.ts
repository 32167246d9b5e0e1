// A table that is packed in part, in the database to which a dump of it was restored: the numbers of its columns have lost their gaps,
// and what was packed and taken out is still theirs.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { contributeTiers } from '../../src/tiers/history/contribute.ts'
import { readTableTiers } from '../../src/partitions/tier-states.ts'
import { readArchives } from '../../src/tiers/archive/catalog.ts'
import { readObjects } from '../../src/tiers/history/read-objects.ts'
import { findTierTable } from '../../src/tiers/model/tables.ts'
import { movePartition } from '../../src/tiers/move/movers.ts'
import { settleHere } from '../../src/tiers/move/resume.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { moveTools, recordOf, rowsOf, run, textsOf } from './exchange-support.ts'
import { applyTiers, createEvents, days, partitionOf, tieredEvents } from './move-support.ts'

const [version] = versions
const table = tieredEvents({ rows: 10 })
const list = 'id, at, kind, amount, note, b'

describe('a table that is packed in part, restored from a dump', () => {
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    if (version === undefined) throw new Error('No version is tested')
    database = await testDatabase(version)
    db = database.db
    await createEvents(db, table, 50)
    await run(
      db,
      'alter table events add column gap int',
      'alter table events drop column gap',
      'alter table events add column b text',
      `update events set b = 'b ' || id`,
    )
    await applyTiers(db, [table])
    await movePartition(moveTools(db), { table, partition: partitionOf(1), move: 'pack' })
    await run(db, `update events_history set amount = amount + 1 where id = 100007`)
    // Some are packed, some were taken out.
    expect(await textsOf(db, `select (count(*) between 1 and 49)::text as text from pgstrata.tier_1_loose`)).toEqual([
      'true',
    ])
  })
  afterEach(() => database.close())

  /** The table anew, with what its partitions have, and without the gap: as a dump makes it. Its oid is another one. */
  async function restoreTable(): Promise<void> {
    const bound = (day: number): string => `from ('2026-01-0${day} 00:00Z') to ('2026-01-0${day + 1} 00:00Z')`
    await run(
      db,
      'alter table events rename to old',
      'create table events (like old including all) partition by range (at)',
      ...days.flatMap((day) => [
        `alter table old detach partition ${partitionOf(day)}`,
        `alter table events attach partition ${partitionOf(day)} for values ${bound(day)}`,
      ]),
      'drop table old cascade',
      // As of tables that are gone.
      `update pgstrata.tier_partition set partition_oid = 4000000000 + id`,
      `update pgstrata.tier_table set numbered_in = 'another one', declared = declared || '{"system": "another one"}'`,
    )
    expect(
      await textsOf(
        db,
        `select attnum || ' ' || attname as text from pg_attribute
      where attrelid = 'events'::regclass and attnum > 5 order by attnum`,
      ),
    ).toEqual(['6 b'])
  }

  const history = (): Promise<readonly string[]> => rowsOf(db, `(select ${list} from events_history)`)

  test('has all that was packed and taken out, behind an apply and behind moves', async () => {
    const before = await history()
    expect(before).toHaveLength(300)
    await restoreTable()
    await applyTiers(db, [table])
    expect(await history()).toEqual(before)
    expect(await findTierTable(db, table.partitioned)).toMatchObject({ isAtHome: false, isNumbered: true })
    expect((await db.withSession((session) => contributeTiers(session, { tables: [table] }))).steps).toEqual([])
    const move = (what: 'pack' | 'unpack') =>
      movePartition(moveTools(db), { table, partition: partitionOf(1), move: what })
    expect(await move('pack')).toMatchObject({ state: 'packed' })
    expect(await history()).toEqual(before)
    await run(db, `update events_history set note = 'anew' where id = 100008`)
    const changed = await history()
    expect(await move('unpack')).toMatchObject({ state: 'hot' })
    expect(await history()).toEqual(changed)
    expect(await rowsOf(db, `(select ${list} from events)`)).toEqual(changed)
  })

  test('is told by its names before anybody applies, and so are its archives', async () => {
    const before = await history()
    await run(
      db,
      `insert into pgstrata.archive (tier_partition, schema_name, table_name, partition_name, lower_bound, upper_bound, table_oid,
        numbered_in, store, prefix, state, columns, definition, server_version)
      select id, 'public', 'events', partition_name, lower_bound, upper_bound, 'events'::regclass, 'another one', 'file:///', 'p',
        'verified', '[{"name": "b", "attnum": 7}, {"name": "id", "attnum": 1}, {"name": "gone", "attnum": 6}]', '', 180000
      from pgstrata.tier_partition
      where partition_name = '${partitionOf(2)}'`,
    )
    await restoreTable()
    const found = await findTierTable(db, table.partitioned)
    expect(found).toMatchObject({ isAtHome: false, isNumbered: false })
    expect(found?.columns.map(({ attnum, name }) => `${attnum} ${name}`)).toContain('6 b')
    const tiers = await readTableTiers(db, { schema: 'public', table: 'events' })
    expect([...tiers.partitions.values()].map(({ tier }) => tier)).toEqual([
      'packed',
      ...days.slice(1).map(() => 'hot'),
    ])
    const oids = await textsOf(
      db,
      `select inhrelid::oid::text as text from pg_inherits where inhparent = 'events'::regclass`,
    )
    expect([...tiers.partitions.keys()].map(String).toSorted()).toEqual(oids.toSorted())
    await db.withSession(async (session) => {
      const { pack } = await recordOf(db, table, partitionOf(1))
      const [own] = (await readObjects(session, found?.id ?? 0)).packs
      expect(own?.id).toBe(pack)
      expect(own?.leaves).toEqual([{ schema: 'public', name: partitionOf(1) }])
      if (found !== undefined) await settleHere(session, found)
    })
    expect(await findTierTable(db, table.partitioned)).toMatchObject({
      isAtHome: true,
      isNumbered: true,
      columns: found?.columns,
    })
    const [archive] = await readArchives(db)
    expect(archive?.columns.map(({ attnum }) => attnum)).toEqual([6, 1, -6])
    expect(archive?.tableOid).toBe((await findTierTable(db, table.partitioned))?.oid)
    await applyTiers(db, [table])
    expect(await history()).toEqual(before)
  })

  test('is left alone where a column was renamed since it was applied, until that is taken back', async () => {
    const before = await history()
    await restoreTable()
    await run(db, 'alter table events rename column b to c')
    const plan = await db.withSession((session) => contributeTiers(session, { tables: [table] }))
    expect(plan.steps).toEqual([])
    expect(plan.held).toMatchObject([{ todo: expect.stringMatching(/names back/) as string }])
    await expect(
      movePartition(moveTools(db), { table, partition: partitionOf(1), move: 'pack' }),
    ).rejects.toMatchObject({ code: 'TIER_STATE', message: expect.stringMatching(/restored in another one/) as string })
    await run(db, 'alter table events rename column c to b')
    await applyTiers(db, [table])
    expect(await history()).toEqual(before)
    await run(db, 'drop view events_history', 'alter table events rename column b to c')
    await applyTiers(db, [table])
    expect(await rowsOf(db, `(select ${list.replace(', b', ', c')} from events_history)`)).toEqual(before)
  })
})
