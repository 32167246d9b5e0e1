// What a declaration makes of a table's readers, and what becomes of them with it: nothing of somebody else's is replaced, and nothing
// goes while it is needed.

import { expect, test } from 'vitest'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { apply, applyAfter, contribute, count, createMonths, pack, run, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'the readers of a history',
  (_version, database) => {
    const whys = async (...tables: Parameters<typeof contribute>[1]): Promise<string> =>
      ((await contribute(database().db, tables)).held ?? []).map(({ why, todo }) => `${why}; ${todo}`).join('\n')

    test.each([
      ['create view plays_history as select 1 as one', 'drop view plays_history'],
      ['create table plays_segments (one int)', 'drop table plays_segments'],
      [
        'create function plays_between(timestamptz, timestamptz) returns int language sql as $$ select 1 $$',
        'drop function plays_between',
      ],
    ])('do not take the place of what is somebody else’s: %s', async (make, drop) => {
      const { db } = database()
      await run(db, make)
      expect((await contribute(db, [table])).steps).toEqual([])
      expect(await whys(table)).toMatch(/somebody else made .*plays_/)
      await run(db, drop)
      expect(await whys(table)).toBe('')
    })

    test('wait for a table that is not there', async () => {
      expect(await whys(tieredTable({}, { key: 'songs', table: 'songs' }))).toContain('there is no such table')
    })

    test('are made anew where somebody has changed them', async () => {
      const { db } = database()
      await tier(db, table)
      await run(db, `comment on view plays_history is 'All plays (pgstrata 000000000000)'`)
      expect(await apply(db, table)).toEqual(['Tiers of table public.plays: make "public"."plays_history" anew'])
      expect((await contribute(db, [table])).steps).toEqual([])
    })

    test('do not go with their declaration where a partition was packed in between', async () => {
      const { db } = database()
      expect(await applyAfter(db, [], () => pack(db, table, 'plays_2026_03'))).toEqual([])
      expect(await count(db, 'plays_history')).toBe(1_800)
    })

    test('are planned anew where a partition was packed between the plan and its step', async () => {
      const { db } = database()
      await run(db, `comment on view pgstrata.tier_1_unpacked is 'What is unpacked (pgstrata 000000000000)'`)
      await applyAfter(db, [table], () => pack(db, table, 'plays_2026_02'))
      expect(await count(db, 'plays_history')).toBe(1_800)
      expect(await count(db, 'plays')).toBe(600)
      expect((await contribute(db, [table])).steps).toEqual([])
    })

    test('stay while something is packed, though nothing declares them', async () => {
      const { db } = database()
      await pack(db, table, 'plays_2026_01')
      expect((await contribute(db, [])).steps).toEqual([])
      expect(await whys()).toMatch(/3 of its partitions are packed.*unpack or restore/s)
      expect(await count(db, 'plays_history')).toBe(1_800)
      await run(
        db,
        `update pgstrata.tier_partition set state = 'hot', rest = 'hot', pack = null`,
        ...[1, 2, 3].map((month) => `drop trigger pgstrata_packed_key on plays_2026_0${month}`),
        'insert into plays select id, at, song, amount, note, listener from pgstrata.tier_1_unpacked',
      )
      await apply(db, table)
      for (const id of await texts(db, 'select id from pgstrata.tier_pack')) {
        await run(
          db,
          `drop function pgstrata.pack_${id}_take, pgstrata.pack_${id}_key`,
          `drop view pgstrata.pack_${id}_rows`,
          `drop table pgstrata.pack_${id}, pgstrata.pack_${id}_word`,
        )
      }
    })

    test('stay while a view of others reads them', async () => {
      const { db } = database()
      await run(db, 'create view of_others as select count(*) from plays_history')
      expect((await contribute(db, [])).steps).toEqual([])
      expect(await whys()).toContain('of_others')
      await run(db, 'drop view of_others')
    })

    test('go with the declaration, and leave nothing', async () => {
      const { db } = database()
      const left = `select relname::text from pg_class where relname ~ '^(plays_(history|segments)|tier_1_)' union all select proname::text from pg_proc where proname ~ '^(plays_between|tier_1_)'`
      expect(await texts(db, left)).not.toEqual([])
      expect(await apply(db)).toHaveLength(1)
      expect(await texts(db, left)).toEqual([])
      expect(await count(db, 'pgstrata.tier_table')).toBe(0)
      expect(await count(db, 'plays')).toBe(1_800)
      await tier(db, table)
      expect(await count(db, 'plays_history')).toBe(1_800)
    })
  },
  async ({ db }) => {
    await createMonths(db)
  },
)
