// Migrations of a table of which a part is packed: what a page tells people to do works, and nothing of what is packed is lost.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import type { Db } from '../../src/db/db.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import type { SourceColumn } from '../../src/tiers/model/columns.ts'
import { readCurrentColumns } from '../../src/tiers/model/current-columns.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { oidOf, run, textsOf } from './exchange-support.ts'
import { createPlays, tieredTables } from './plays-support.ts'

function open({ url }: TestDatabase, tables: object = tieredTables): Strata {
  return openStrata(
    resolveConfig<unknown>({ database: { primary: url }, tables }, { root: '/nowhere', name: 'pgstrata.config.ts' }),
  )
}

async function currentCountry(db: Db): Promise<SourceColumn | undefined> {
  return (await readCurrentColumns(db, await oidOf(db, 'plays'))).find(({ name }) => name === 'country')
}

describeOnEachVersion('a table that is packed in part', (_version, database) => {
  test('gets a column, loses one, and changes the type of another', async () => {
    const { db } = database()
    await createPlays(db)
    const strata = open(database())
    try {
      await strata.apply()
      await strata.tiers.move('plays', 'plays_2020_01', 'pack')
      await run(db, `alter table plays add column country text default 'nowhere'`)
      await strata.apply()
      expect(
        await textsOf(db, `select distinct country || ' ' || (country is null) as text from plays_history`),
      ).toEqual(['nowhere false'])

      await expect(run(db, 'alter table plays drop column listener')).rejects.toMatchObject({ code: '2BP01' })
      await run(
        db,
        'drop view plays_history',
        'alter table plays drop column listener',
        'alter table plays alter column song type bigint',
      )
      await strata.apply()
      expect((await strata.plan()).steps).toEqual([])
      const sums = (of: string): Promise<readonly string[]> =>
        textsOf(db, `select count(*) || ' ' || sum(song) || ' ' || sum(amount) as text from ${of}`)
      const all = await sums('plays_history')
      expect(all[0]).toMatch(/^4002 /)
      expect(await sums(`plays_between('2020-01-01', '2100-01-01')`)).toEqual(all)
      const countries = (of: string): Promise<readonly string[]> =>
        textsOf(db, `select country || ' ' || count(*) as text from ${of} group by country order by 1`)
      expect(await countries('plays_history')).toEqual(['nowhere 4002'])

      // What is archived has it from the same place.
      await run(
        db,
        'vacuum full plays',
        'drop view plays_history',
        'alter table plays alter column country type varchar',
      )
      expect(await currentCountry(db)).toMatchObject({ type: 'character varying', missing: 'nowhere' })
      await strata.apply()
      expect(await countries('plays_history')).toEqual(['nowhere 4002'])
      expect(await currentCountry(db)).toMatchObject({ missing: 'nowhere' })

      await strata.tiers.move('plays', 'plays_2020_02', 'pack')
      await strata.tiers.move('plays', 'plays_2020_01', 'pack')
      expect(await sums('plays_history')).toEqual(all)
      await strata.tiers.move('plays', 'plays_2020_01', 'unpack')
      await strata.tiers.move('plays', 'plays_2020_02', 'unpack')
      expect(await sums('plays')).toEqual(all)
      expect(await countries('plays')).toEqual(['nowhere 4002'])
    } finally {
      await strata.close()
    }
  })

  test('keeps its readers while something is packed, and loses them with the declaration behind that', async () => {
    const { db } = database()
    const declared = open(database())
    const { warm: _warm, ...plain } = tieredTables.plays
    const undeclared = open(database(), { plays: plain })
    const readers = (): Promise<readonly string[]> =>
      textsOf(
        db,
        `select relname::text as text from pg_class where relname like 'plays\\_%' and relkind = 'v' order by 1`,
      )
    try {
      await declared.tiers.move('plays', 'plays_2020_01', 'pack')
      expect((await undeclared.plan()).held).toMatchObject([{ todo: expect.stringMatching(/unpack/) as string }])
      await undeclared.apply()
      expect(await readers()).toEqual(['plays_history', 'plays_segments'])
      await declared.tiers.move('plays', 'plays_2020_01', 'unpack')
      await undeclared.apply()
      expect(await readers()).toEqual([])
    } finally {
      await Promise.all([declared.close(), undeclared.close()])
    }
  })
})
