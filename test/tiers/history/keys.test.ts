// A row that comes late to a packed partition is held against the keys of packed and of loose rows, by every way on which rows come,
// and by every kind of unique index.

import { expect, test } from 'vitest'
import { sqlstateOf } from '../../../src/sql/sqlstate.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'
import { apply, count, pack, run, tier, tieredTable } from './support.ts'

const table = tieredTable()
const leaf = 'plays_2026_01'

describeOnEachVersion(
  'a key that is packed',
  (_version, database) => {
    const refusal = async (statement: string): Promise<{ state: string | undefined; constraint: unknown }> => {
      const before = await count(database().db, 'plays_history')
      const error: unknown = await run(database().db, statement).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(await count(database().db, 'plays_history')).toBe(error === undefined ? before + 1 : before)
      return { state: sqlstateOf(error), constraint: (error as { constraint?: unknown } | undefined)?.constraint }
    }
    const values = (row: string): string => `(id, at, slug, note, kind, code) values (${row})`

    test.each(['plays', leaf, 'plays_history'])('is refused by way of %s', async (relation) => {
      expect(await refusal(`insert into ${relation} ${values(`5, '2026-01-05Z', 'new', 'x', 0, 1`)}`)).toEqual({
        state: '23505',
        constraint: 'plays_2026_01_pkey'.replace('_2026_01', ''),
      })
    })

    test('is refused as an upsert, which finds only what is in the table', async () => {
      const upsert = `insert into plays ${values(`5, '2026-01-05Z', 'new', 'x', 0, 1`)} on conflict (id, at) do nothing`
      expect((await refusal(upsert)).state).toBe('23505')
    })

    test('is refused where triggers do not fire: rows of a subscription', async () => {
      const { db } = database()
      await db.withSession(async (session) => {
        await run(session, 'begin', 'set local session_replication_role = replica')
        const inserted = run(session, `insert into plays ${values(`6, '2026-01-06Z', 'other', 'x', 0, 1`)}`)
        await expect(inserted).rejects.toMatchObject({ code: '23505' })
        await run(session, 'rollback')
      })
    })

    test.each([
      ['a unique constraint', `100, '2026-01-05Z', 'slug 5', 'x', 0, 1`],
      ['an index of an expression with a condition', `101, '2026-01-05Z', 'b', 'NOTE 5', 1, 1`],
      ['an index in which nulls are the same', `102, '2026-01-08Z', 'c', 'x', 0, null`],
    ])('is that of %s', async (_what, row) => {
      expect((await refusal(`insert into plays ${values(row)}`)).state).toBe('23505')
    })

    test.each([
      ['the same key at another time', `5, '2026-01-05 00:00:01Z', 'slug 5', 'note 5', 1, 1`],
      ['nulls that are not the same', `200, '2026-01-08Z', null, 'x', 0, 2`],
      ['a row that the condition leaves out', `201, '2026-01-05Z', 'e', 'NOTE 5', 2, 2`],
    ])('is not that of %s', async (_what, row) => {
      expect((await refusal(`insert into plays ${values(row)}`)).state).toBeUndefined()
    })

    test('is refused when a late row is changed to it', async () => {
      const { db } = database()
      await run(db, `insert into plays ${values(`300, '2026-01-09 01:00Z', 'late', 'x', 0, 3`)}`)
      const updated = run(db, `update plays set id = 9, at = '2026-01-09Z' where id = 300`)
      await expect(updated).rejects.toMatchObject({ code: '23505', constraint: 'plays_pkey' })
      await run(db, `update plays set note = 'y' where id = 300`, 'delete from plays where id = 300')
    })

    test('is refused while its row is loose, and free when that is gone', async () => {
      const { db } = database()
      const again = `insert into plays ${values(`10, '2026-01-10Z', 'again', 'x', 0, 4`)}`
      await run(db, `update plays_history set song = 7 where id = 10`)
      expect(await count(db, 'pgstrata.tier_1_loose')).toBeGreaterThan(0)
      expect((await refusal(again)).state).toBe('23505')
      await run(db, 'delete from plays_history where id = 10')
      expect((await refusal(again)).state).toBeUndefined()
    })

    test('is refused in a partition that somebody has made again, behind the next apply', async () => {
      const { db } = database()
      const bounds = `for values from ('2026-01-01Z') to ('2026-02-01Z')`
      await run(db, `drop table ${leaf}`, `create table ${leaf} partition of plays ${bounds}`)
      expect(await apply(db, table)).toHaveLength(1)
      expect(await apply(db, table)).toEqual([])
      expect((await refusal(`insert into plays ${values(`5, '2026-01-05Z', 'new', 'x', 0, 1`)}`)).state).toBe('23505')
      await run(db, `alter table ${leaf} disable trigger pgstrata_packed_key`)
      expect(await apply(db, table)).toHaveLength(1)
      expect((await refusal(`insert into plays ${values(`5, '2026-01-05Z', 'new', 'x', 0, 1`)}`)).state).toBe('23505')
    })
  },
  async (database) => {
    await createKeyed(database)
    await tier(database.db, table)
    await pack(database.db, table, leaf)
  },
)

async function createKeyed({ db }: TestDatabase): Promise<void> {
  await run(
    db,
    `create table plays (
      id bigint not null,
      at timestamptz not null,
      song int,
      slug text,
      note text,
      kind int,
      code int,
      primary key (id, at),
      unique (at, slug),
      unique nulls not distinct (at, code)
    ) partition by range (at)`,
    'create unique index plays_note on plays (at, lower(note)) where kind = 1',
    `create table ${leaf} partition of plays for values from ('2026-01-01Z') to ('2026-02-01Z')`,
    `insert into plays
    select g, timestamptz '2025-12-31Z' + g * interval '1 day', g % 3, case when g <> 8 then 'slug ' || g end, 'note ' || g, 1, nullif(g, 8)
    from generate_series(1, 31) as g`,
  )
}
