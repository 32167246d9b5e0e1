// Rollups of a table whose partitions are packed, slimmed, archived and brought back: no move changes one, and each goes on to be what a
// recompute of all rows gives.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import type { Db } from '../../src/db/db.ts'
import { onlyRow } from '../../src/db/db.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { forgetGone } from '../../src/rollups/merge/forget.ts'
import { rebuildRange } from '../../src/rollups/merge/merge.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { patience } from '../rollups/support.ts'
import { run, textsOf } from './exchange-support.ts'

const [january, february, march] = ['plays_2020_01', 'plays_2020_02', 'plays_2020_03'] as const

const warm = { after: '100 years', segmentBy: ['song'] }
const cold = { after: '200 years', grace: '1 hour' }
const measures = {
  plays: { kind: 'count' },
  earned: { kind: 'sum', of: 'amount' },
  least: { kind: 'min', of: 'amount' },
}
const songPlays = { from: 'plays', bucket: '1 hour', by: ['song'], measures, levels: ['day'] }

describe.each(versions)('rollups of a table with tiers on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  let folder: string
  const opened: Strata[] = []

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    folder = await mkdtemp(join(tmpdir(), 'pgstrata-rollups-'))
    await createPlays(db)
  })
  afterEach(async () => {
    for (const strata of opened.splice(0)) await strata.close()
    await database.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function apply(rollups: object = { song_plays: songPlays }, tiers: object = { warm, cold }): Promise<Strata> {
    const written = {
      database: { primary: database.url },
      tables: { plays: { time: 'at', partition: 'month', ...tiers } },
      rollups,
      archive: { to: `${folder}/store`, work: `${folder}/work` },
    }
    const strata = openStrata(resolveConfig<unknown>(written, { root: folder, name: 'pgstrata.config.ts' }))
    opened.push(strata)
    await strata.apply()
    return strata
  }

  /** What is counted by the table and by its history. */
  const truth = (of = 'plays_history'): string =>
    `select date_trunc('hour', at, 'UTC') as bucket, song, count(*) as plays, sum(amount) as earned, min(amount) as least from ${of} group by 1, 2`

  async function expectExact(strata: Strata, rollup = 'song_plays'): Promise<void> {
    await strata.rollup.merge(rollup)
    const view = `select bucket, song, plays, earned, least from ${rollup}`
    expect(await textsOf(db, differenceText(view, truth()))).toEqual([])
    expect(await strata.rollup.verify(rollup)).toMatchObject({ different: 0, totals: 0, levels: 0 })
  }

  test('no move changes one, or notes anything for it', async () => {
    const strata = await apply()
    await strata.rollup.merge('song_plays')
    const states = [
      ['slim', january],
      ['pack', january],
      ['pack', february],
      ['pack', january],
      ['unpack', february],
      ['unpack', january],
      ['archive', january],
      ['drop', january],
      ['restore', january],
    ] as const
    const before = await keptOf(db)
    for (const [move, partition] of states) {
      await strata.tiers.move('plays', partition, move)
      expect(await keptOf(db), `${move} ${partition}`).toEqual(before)
      expect(await strata.rollup.verify('song_plays'), `${move} ${partition}`).toMatchObject({
        different: 0,
        levels: 0,
      })
    }
    await expectExact(strata)
  })

  test('rows that come late and changes of packed rows are counted, once', async () => {
    const strata = await apply()
    await strata.tiers.move('plays', january, 'pack')
    await strata.tiers.move('plays', february, 'pack')
    await run(
      db,
      `insert into plays select 100000 + g, timestamptz '2020-01-05 10:30Z', g % 3, 0.001 from generate_series(1, 10) as g`,
      `update plays_history set amount = amount + 1 where song = 2 and at < '2020-01-20 00:00Z'`,
      `update plays_history set at = at + interval '1 month' where id % 97 = 5`,
      `delete from plays_history where song = 1 and at >= '2020-02-10 00:00Z' and at < '2020-02-12 00:00Z'`,
      `update plays set amount = 7 where at >= '2020-03-20 00:00Z'`,
      // What is packed stays.
      `truncate ${january}`,
    )
    await expectExact(strata)
    await strata.tiers.move('plays', january, 'pack')
    await strata.tiers.move('plays', february, 'unpack')
    await expectExact(strata)
    await run(db, 'truncate plays')
    expect(await textsOf(db, `select count(*)::text as text from plays`)).toEqual(['0'])
    await expectExact(strata)
  })

  test('an extreme that went is looked for again among packed rows', async () => {
    const strata = await apply()
    await run(db, `insert into plays values (200000, '2020-01-05 10:30Z', 1, -5), (200001, '2020-01-05 10:31Z', 1, -4)`)
    await strata.tiers.move('plays', january, 'pack')
    await expectExact(strata)
    await run(db, `delete from plays_history where id = 200000`)
    await expectExact(strata)
    const least = `select least::text as text from song_plays where song = 1 and bucket = '2020-01-05 10:00Z'`
    expect(await textsOf(db, least)).toEqual(['-4'])
    await run(db, `update plays_history set amount = 3 where id = 200001`)
    await expectExact(strata)
  })

  test('one that is declared, changed or built anew while rows are packed has all of them', async () => {
    const first = await apply()
    await first.tiers.move('plays', january, 'pack')
    await first.tiers.move('plays', february, 'pack')
    await run(db, `update plays_history set amount = 0.5 where id % 50 = 1`)
    const all = {
      song_plays: {
        ...songPlays,
        measures: { ...measures, songs: { kind: 'countDistinct', of: 'song' }, most: { kind: 'max', of: 'amount' } },
      },
      later: { ...songPlays, bucket: '1 day', levels: ['month'] },
      ever: { from: 'plays', measures: { plays: { kind: 'count' }, earned: { kind: 'sum', of: 'amount' } } },
    }
    const strata = await apply(all)
    for (const name of Object.keys(all)) {
      const [status] = await strata.rollup.status(name)
      if (status?.state !== 'live') await strata.rollup.fill(name)
      await strata.rollup.merge(name)
      expect(await strata.rollup.verify(name), name).toMatchObject({ different: 0, totals: 0, levels: 0 })
    }
    expect(
      await textsOf(
        db,
        differenceText(
          'select bucket, song, most from song_plays',
          `select date_trunc('hour', at, 'UTC'), song, max(amount) from plays_history group by 1, 2`,
        ),
      ),
    ).toEqual([])
    expect(
      await textsOf(
        db,
        differenceText('select plays, earned from ever', 'select count(*), sum(amount) from plays_history'),
      ),
    ).toEqual([])
    await run(db, `delete from song_plays_merged where bucket < '2020-01-10 00:00Z' or bucket > '2020-02-20 00:00Z'`)
    const seen = await strata.rollup.verify('song_plays')
    expect(seen.different).toBeGreaterThan(0)
    expect(await strata.rollup.verify('song_plays', { fix: true })).toMatchObject({ repaired: expect.any(Number) })
    await expectExact(strata)
    await strata.rollup.rebuild('song_plays')
    await expectExact(strata)
  })

  test('an interval that cuts buckets of packed partitions is exact, and unpacks no other', async () => {
    const strata = await apply()
    for (const partition of [january, february, march]) await strata.tiers.move('plays', partition, 'pack')
    await run(db, `update plays_history set amount = 9 where at >= '2020-01-10 05:20Z' and at < '2020-01-10 05:50Z'`)
    await strata.rollup.merge('song_plays')
    const [from, to] = ['2020-01-10 05:30Z', '2020-02-03 07:45Z']
    const answer = `select song, plays, earned from song_plays_between('${from}', '${to}')`
    const counted = `select song, count(*) as plays, sum(amount) as earned from plays_history where at >= '${from}' and at < '${to}' group by 1`
    expect(await textsOf(db, differenceText(answer, counted))).toEqual([])
    const reader = strata.rollups['song_plays'] as unknown as SongReader
    const rows = await reader.between(from, to).by('song').rows()
    expect(rows.map(({ song, plays }) => `${song} ${plays}`).toSorted()).toEqual(
      (
        await textsOf(
          db,
          `select song || ' ' || count(*) as text from plays_history where at >= '${from}' and at < '${to}' group by song`,
        )
      ).toSorted(),
    )
    const since = `select song, plays, earned from song_plays_since('2020-02-28 23:10Z')`
    const later = `select song, count(*) as plays, sum(amount) as earned from plays_history where at >= '2020-02-28 23:10Z' group by 1`
    expect(await textsOf(db, differenceText(since, later))).toEqual([])
    const packs = await textsOf(
      db,
      `select partition_name || ' pack_' || pack as text from pgstrata.tier_partition where pack is not null order by 1`,
    )
    const read = await readRelations(db, answer)
    expect(packs.filter((pack) => read.has(pack.split(' ')[1] ?? '')).map((pack) => pack.split(' ')[0])).toEqual([
      january,
      february,
    ])
  })

  test('of a table that gets tiers later: nothing is packed until nobody reads the table alone, and back', async () => {
    const first = await apply(undefined, {})
    const [before] = await db.withSession(readInstalled)
    expect.assert(before !== undefined)
    expect(before.shape.tiered).toBeUndefined()
    const strata = await apply()
    await expect(strata.tiers.move('plays', january, 'pack')).rejects.toMatchObject({ code: 'TIER_BUSY' })
    await expect(strata.tiers.move('plays', january, 'pack')).rejects.toThrow(/rollups of it \(song_plays\)/)
    // Whoever still goes by what it was before is told, and does nothing.
    const whole = { from: undefined, to: undefined }
    await expect(
      db.withSession((session) => rebuildRange(session, before.shape, whole, patience)),
    ).rejects.toMatchObject({ code: 'ROLLUP_STATE' })
    await run(
      db,
      `update pgstrata.rollup set shape = shape || jsonb_build_object('tieredAt', now() - interval '1 hour')`,
    )
    await strata.tiers.move('plays', january, 'pack')
    await run(db, `update plays_history set amount = 2 where id % 10 = 3`)
    await expectExact(strata)
    await strata.tiers.move('plays', january, 'unpack')
    const last = await apply(undefined, {})
    expect((await db.withSession(readInstalled))[0]?.shape.tiered).toBeUndefined()
    await run(db, `update plays set amount = 4 where id % 10 = 3`)
    await last.rollup.merge('song_plays')
    expect(await last.rollup.verify('song_plays')).toMatchObject({ different: 0 })
    expect(
      await textsOf(db, differenceText('select bucket, song, plays, earned, least from song_plays', truth('plays'))),
    ).toEqual([])
    await first.close()
  })

  test('keeps what is in an archive alone, also where an older partition came back; one that forgets has it no more', async () => {
    const strata = await apply({ song_plays: songPlays, forgetful: { ...songPlays, retention: 'forget' } })
    await run(db, `create table counted as ${truth('plays')}`)
    for (const partition of [january, february]) {
      await strata.tiers.move('plays', partition, 'pack')
      await strata.tiers.move('plays', partition, 'archive')
      await strata.tiers.move('plays', partition, 'drop')
    }
    const same = differenceText('select bucket, song, plays, earned, least from song_plays', 'select * from counted')
    const expectKept = async (): Promise<void> => {
      expect(await strata.rollup.verify('song_plays', { fix: true })).toMatchObject({ different: 0, levels: 0 })
      await strata.rollup.rebuild('song_plays')
      await strata.rollup.merge('song_plays')
      expect(await textsOf(db, same)).toEqual([])
    }
    await expectKept()
    const forgetful = (await db.withSession(readInstalled)).find(({ name }) => name === 'forgetful')
    expect.assert(forgetful !== undefined)
    expect(await db.withSession((session) => forgetGone(session, forgetful.shape, patience))).toBe(true)
    expect(
      await textsOf(db, `select count(*)::text as text from forgetful where bucket < '2020-03-01 00:00Z'`),
    ).toEqual(['0'])
    await strata.tiers.move('plays', january, 'restore')
    await expectKept()
    await run(db, `update plays set amount = amount + 1 where at < '2020-01-15 00:00Z'`)
    await strata.rollup.merge('song_plays')
    const restored = `bucket < '2020-02-01 00:00Z'`
    expect(
      await textsOf(
        db,
        differenceText(
          `select bucket, song, plays, earned, least from song_plays where ${restored}`,
          `select * from (${truth()}) as t where ${restored}`,
        ),
      ),
    ).toEqual([])
    await strata.tiers.move('plays', february, 'restore')
    await expectExact(strata)
    expect(await strata.rollup.verify('forgetful', { fix: true })).toMatchObject({ different: expect.any(Number) })
    await expectExact(strata, 'forgetful')
  })
})

/** As far as the declaration of these tests goes. */
interface SongReader {
  between(
    from: string,
    to: string,
  ): {
    by(key: 'song'): { rows(): Promise<readonly { readonly song: number; readonly plays: string }[]> }
  }
}

async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    `create table plays (
      id bigint not null,
      at timestamptz not null,
      song int not null,
      amount numeric,
      primary key (id, at)
    ) partition by range (at)`,
    ...[january, february, march].map(
      (name, index) =>
        `create table ${name} partition of plays for values from ('2020-0${index + 1}-01 00:00Z') to ('2020-0${index + 2}-01 00:00Z')`,
    ),
    `insert into plays
    select g, timestamptz '2020-01-01 00:00Z' + g * interval '40 minutes', g % 5, g % 100 * 0.25
    from generate_series(0, 3200) as g`,
  )
}

/** A row for each that one of them has and the other has not. */
function differenceText(left: string, right: string): string {
  const [one, other] = [`(select * from (${left}) as l)`, `(select * from (${right}) as r)`]
  return `select 'left ' || a::text as text from (${one} except all ${other}) as a
  union all
  select 'right ' || b::text as text from (${other} except all ${one}) as b`
}

/** What is merged, row by row with who wrote it, and what is pending. */
async function keptOf(db: Db): Promise<readonly string[]> {
  const answer = await db.query<{ merged: string; days: string; pending: string }>(
    sql`select (select sum(hashtextextended(m.xmin::text || m.ctid::text || m::text, 0)) from song_plays_merged m)::text as merged,
      (select sum(hashtextextended(m.xmin::text || m.ctid::text || m::text, 0)) from song_plays_day_merged m)::text as days,
      (select count(*) from pgstrata.song_plays_delta)::text as pending`,
  )
  return Object.values(onlyRow(answer))
}

/** Tables that a query has read, also by a function that it calls. */
async function readRelations(db: Db, query: string): Promise<ReadonlySet<string>> {
  return await db.withSession(async (session) => {
    const countScans = async (): Promise<ReadonlyMap<string, number>> => {
      const { rows } = await session.query<{ name: string; scans: number }>(sql`
        select relname::text as name, pg_stat_get_xact_numscans(oid)::float8 as scans
        from pg_class
        where relkind = 'r'`)
      return new Map(rows.map(({ name, scans }) => [name, scans]))
    }
    await session.query(sql`begin`)
    try {
      // What the same connection has read a moment ago may be counted still.
      const before = await countScans()
      await session.query(sql.raw(query))
      return new Set(
        [...(await countScans())].filter(([name, scans]) => scans > (before.get(name) ?? 0)).map(([name]) => name),
      )
    } finally {
      await session.query(sql`rollback`)
    }
  })
}
