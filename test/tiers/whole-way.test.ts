// The whole way as an application goes it: declared, applied, moved by the job, read and changed through the history, brought back by
// a person, archived, read from the archive, restored. Rollups agree with a recompute at every station, and the status says where
// everything is.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveConfig, type StrataConfig } from '../../src/config/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { textsOf } from './exchange-support.ts'
import { sumOf } from './move-support.ts'
import { createPlays, tieredTables } from './plays-support.ts'

const rollups: NonNullable<StrataConfig['rollups']> = {
  song_plays: {
    from: 'plays',
    bucket: '1 day',
    by: ['song'],
    measures: { plays: { kind: 'count' }, earned: { kind: 'sum', of: 'amount' } },
  },
}

function open({ url }: TestDatabase, more: Partial<StrataConfig> = {}): Strata {
  return openStrata(
    resolveConfig<unknown>(
      { database: { primary: url }, tables: tieredTables, rollups, ...more },
      { root: '/nowhere', name: 'pgstrata.config.ts' },
    ),
  )
}

/** Rows, a live one among them, as the table and all that was ever moved have them. */
async function contentOf({ db }: TestDatabase): Promise<string> {
  return await sumOf(db, 'plays_history')
}

async function countOf({ db }: TestDatabase, relation: string): Promise<number> {
  const [count] = await textsOf(db, `select count(*)::text as text from ${relation}`)
  return Number(count)
}

async function differencesOf(strata: Strata): Promise<number> {
  const { keys, different, totals, levels } = await strata.rollup.verify('song_plays')
  expect(keys).toBeGreaterThan(100)
  return different + totals + levels
}

async function runTiers(strata: Strata): Promise<void> {
  expect(await strata.jobs.runNow('tiers')).toMatchObject({ state: 'done', warnings: [], failure: null })
}

async function tiersOf(strata: Strata): Promise<readonly string[]> {
  const [status] = await strata.tiers.status('plays')
  return (status?.partitions ?? []).map(({ name, state }) => `${name}: ${state}`)
}

describeOnEachVersion('a table with tiers', (_version, database) => {
  test('is packed by the job, read and changed through its history, and brought back', async () => {
    await createPlays(database().db)
    const strata = open(database())
    const { db } = database()
    try {
      const rows = await sumOf(db, 'plays')
      await strata.apply()
      expect(await contentOf(database())).toBe(rows)
      await runTiers(strata)
      expect((await tiersOf(strata)).slice(0, 3)).toEqual([
        'plays_2020_01: packed',
        'plays_2020_02: packed',
        'plays_to_come: hot',
      ])
      expect([await countOf(database(), 'plays'), await contentOf(database())]).toEqual([1, rows])
      expect(await differencesOf(strata)).toBe(0)

      await db.query(sql`update plays_history set amount = amount + 1 where song = 3 and at < '2020-01-02'`)
      await db.query(sql`delete from plays_history where id = 7`)
      await db.query(sql`insert into plays values (9001, '2020-01-15', 2, 'late', 5)`)
      const changed = await contentOf(database())
      expect(await countOf(database(), 'plays_history')).toBe(4_002)
      expect(await differencesOf(strata)).toBe(0)

      const moved = await strata.tiers.move('plays', 'plays_2020_01', 'unpack')
      expect(moved).toMatchObject({ name: 'plays_2020_01', state: 'hot' })
      expect(await contentOf(database())).toBe(changed)
      expect(await differencesOf(strata)).toBe(0)
      // Brought back by a person, it stays.
      await runTiers(strata)
      expect((await tiersOf(strata)).slice(0, 2)).toEqual(['plays_2020_01: hot', 'plays_2020_02: packed'])
      expect((await strata.plan()).steps).toEqual([])
    } finally {
      await strata.close()
    }
  })

  test('is archived by the job, dropped behind its grace, asked together with live rows, and restored', async () => {
    const { db } = database()
    const folder = await temporaryFolder()
    const cold = { after: '2 years', grace: '1 day' }
    const strata = open(database(), {
      tables: { plays: { ...tieredTables.plays, cold } },
      archive: { to: join(folder, 'store'), work: join(folder, 'work'), cache: { dir: join(folder, 'cache') } },
    })
    try {
      const rows = await contentOf(database())
      const count = await countOf(database(), 'plays_history')
      // Brought back by a person, it is a person who lets it go.
      await strata.tiers.move('plays', 'plays_2020_01', 'pack')
      await strata.apply()
      await runTiers(strata)
      expect((await tiersOf(strata)).slice(0, 2)).toEqual(['plays_2020_01: archived', 'plays_2020_02: archived'])
      expect(await contentOf(database())).toBe(rows)
      expect(await strata.archive?.verify()).toMatchObject({ archives: 2, faults: [] })

      await strata.tiers.move('plays', 'plays_2020_01', 'drop')
      await strata.tiers.move('plays', 'plays_2020_02', 'drop')
      expect((await tiersOf(strata)).slice(0, 2)).toEqual(['plays_2020_01: cold', 'plays_2020_02: cold'])
      expect(await countOf(database(), 'plays_history')).toBe(1)
      const asked = await strata.archive?.query('select count(*) as plays from plays')
      expect(asked?.rows).toEqual([[String(count)]])
      expect(await strata.tiers.reader('plays').count()).toBe(count)
      expect((await strata.plan()).steps).toEqual([])

      await strata.archive?.restore('plays', 'plays_2020_01')
      await strata.archive?.restore('plays', 'plays_2020_02')
      expect(await contentOf(database())).toBe(rows)
      expect(await sumOf(db, 'plays')).toBe(rows)
      await runTiers(strata)
      expect((await tiersOf(strata)).slice(0, 2)).toEqual(['plays_2020_01: hot', 'plays_2020_02: hot'])
    } finally {
      await strata.close()
    }
  })
})
