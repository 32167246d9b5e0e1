// What `<table>_segments` says of packs is what their rows say, and its columns stay whatever is packed and how.

import { expect, test } from 'vitest'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { count, createMonths, pack, rows, run, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'what is known of segments',
  (_version, database) => {
    const columns = (): Promise<readonly string[]> =>
      texts(
        database().db,
        `select attname || ' ' || format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'plays_segments'::regclass and attnum > 0 order by attnum`,
      )

    test('has its columns before anything is packed, and no row', async () => {
      const { db } = database()
      expect(await count(db, 'plays_segments')).toBe(0)
      const before = await columns()
      for (const month of [1, 2]) await pack(db, table, `plays_2026_0${month}`)
      expect(await columns()).toEqual(before)
      expect(before).toContain('sum_amount numeric')
      expect(before).toContain('least_at timestamp with time zone')
    })

    test('is what the rows of each segment say', async () => {
      const { db } = database()
      const of = (
        pack_: string,
      ): string => `select ${pack_} as pack, pgstrata_segment as segment, count(*)::int4 as rows, min(song) as song,
          count(distinct song)::int4 as songs, min(at) as least_at, max(at) as most_at, sum(amount) as sum_amount,
          min(id) as least_id, max(amount) as most_amount
        from pgstrata.pack_${pack_}_rows group by pgstrata_segment`
      const truth = await rows(
        db,
        `select * from (${['1', '2'].map(of).join(' union all ')}) as t order by pack, segment`,
      )
      const said = await rows(
        db,
        `select pack, segment, rows, song, 1 as songs, least_at, most_at, sum_amount, least_id, most_amount from plays_segments order by pack, segment`,
      )
      expect(said).toEqual(truth.map((row) => ({ ...row, pack: String(row['pack']) })))
      expect(said.length).toBeGreaterThan(6)
    })

    test('leaves out what is loose', async () => {
      const { db } = database()
      await run(db, `update plays_history set note = 'loose' where id = 1001`)
      const loose = await count(db, 'pgstrata.tier_1_loose')
      expect(loose).toBeGreaterThan(0)
      expect(await texts(db, 'select sum(rows) from plays_segments')).toEqual([String(1_200 - loose)])
    })

    test('has no key where a pack gave it up, and says so', async () => {
      const { db } = database()
      // Too many songs for their rows to stand together.
      await run(db, 'update plays set song = id where at >= $$2026-03-01Z$$')
      await pack(db, table, 'plays_2026_03')
      expect(await rows(db, 'select distinct keyed, song from plays_segments where not keyed')).toEqual([
        { keyed: false, song: null },
      ])
      expect(await texts(db, 'select sum(rows) from plays_segments where not keyed')).toEqual(['600'])
      expect(await columns()).toContain('song integer')
    })
  },
  async ({ db }) => {
    await createMonths(db)
    await tier(db, table)
  },
)
