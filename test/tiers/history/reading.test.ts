// What a history shows: every row once, wherever it is kept, with the types of the table; and what `apply` makes of it.

import { expect, test } from 'vitest'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { apply, contribute, count, pack, rows, run, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'a history',
  (_version, database) => {
    test('has the rows of the table, of packs, and those that are loose, each once', async () => {
      const { db } = database()
      const before = await texts(db, 'select p::text from plays p order by 1')
      await pack(db, table, 'plays_2026_01')
      await pack(db, table, 'plays_2026_02')
      expect(await count(db, 'plays')).toBe(300)
      expect(await texts(db, 'select p::text from plays_history p order by 1')).toEqual(before)
      await run(db, 'update plays_history set note = note where id = 1007')
      expect(await count(db, 'pgstrata.tier_1_loose')).toBeGreaterThan(0)
      expect(await texts(db, 'select p::text from plays_history p order by 1')).toEqual(before)
    })

    test('has the columns of the table, of the same types', async () => {
      const { db } = database()
      const columns = (relation: string): Promise<readonly string[]> =>
        texts(
          db,
          `select attname || ' ' || format_type(atttypid, -1) || ' ' || attcollation from pg_attribute where attrelid = '${relation}'::regclass and attnum > 0 order by attnum`,
        )
      expect(await columns('plays_history')).toEqual(await columns('plays'))
    })

    test('tells of segments without unfolding them', async () => {
      const { db } = database()
      const [sums] = await rows(
        db,
        'select sum(rows)::int4 as rows, min(least_at) as least, max(most_at) as most, sum(sum_amount)::text as amount, bool_and(keyed) as keyed from plays_segments',
      )
      const [truth] = await rows(
        db,
        `select count(*)::int4 as rows, min(at) as least, max(at) as most, sum(amount)::text as amount
        from pgstrata.tier_1_unpacked u
        where not exists (select from pgstrata.tier_1_loose l where l.id = u.id)`,
      )
      expect(sums).toEqual({ ...truth, keyed: true })
      expect(await count(db, '(select distinct song from plays_segments) as s')).toBe(3)
    })

    test('needs nothing a second time', async () => {
      const { db } = database()
      expect(await apply(db, table)).toEqual([])
      expect((await contribute(db, [table])).steps).toEqual([])
    })
  },
  async ({ db }) => {
    await run(
      db,
      `create table plays (
        id bigint not null,
        at timestamptz not null,
        song int not null,
        amount numeric(20, 8),
        note varchar(20) collate "C",
        code char(3),
        primary key (id, at)
      ) partition by range (at)`,
      ...[1, 2, 3].map(
        (month) =>
          `create table plays_2026_0${month} partition of plays for values from ('2026-0${month}-01Z') to ('2026-0${month + 1}-01Z')`,
      ),
      `insert into plays
      select m * 1000 + g, make_timestamptz(2026, m, 1, 0, 0, 0, 'UTC') + g * interval '1 minute', g % 3, g * 1.5, case when g % 7 > 0 then 'note ' || g % 10 end, 'x' || g % 4
      from generate_series(1, 3) as m, generate_series(0, 149) as g`,
      `insert into plays select id + 500, at + interval '6 hours', song, amount, note, code from plays`,
    )
    await tier(db, table)
  },
)
