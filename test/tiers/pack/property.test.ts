// Whatever a table holds, its pack gives back the same rows: by the hash that moves go by, and row by row as text.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../../src/catalog/install.ts'
import { sql } from '../../../src/sql/sql.ts'
import { dropPack } from '../../../src/tiers/pack/build.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { createTestedTable, testedTable, typesOfOwn } from '../types-support.ts'
import { packTable } from './support.ts'

describeOnEachVersion(
  'a pack of any table',
  (version, database) => {
    test('gives back its rows', async () => {
      const { db } = database()
      let id = 0n
      await checkProperty(
        `packs on ${version}`,
        testedTable({ mostRows: 2500 }),
        async (table) => {
          id += 1n
          await db.query(sql`drop table if exists plays`)
          await createTestedTable(db, 'plays', table)
          const { content, shape } = await packTable(db, { table: 'public.plays', segmentBy: table.segmentBy, id })
          const names = table.columns.map(({ name }) => sql.ident(name))
          const rows = sql`row(${sql.join(names)})::text`
          const { rows: different } = await db.query(sql`
            (select ${rows} from plays except all select ${rows} from pgstrata.${sql.ident(`pack_${id}_rows`)})
            union all
            (select ${rows} from pgstrata.${sql.ident(`pack_${id}_rows`)} except all select ${rows} from plays)
            limit 3`)
          expect(different, JSON.stringify(shape.columns, null, 1)).toEqual([])
          expect(content.rows).toBe(String(table.values[0]?.length))
          for (const statement of dropPack(id)) await db.query(sql.raw(statement))
          const { rows: left } = await db.query(sql`
            select relname from pg_class where relname like ${`pack\\_${id}\\_%`} or relname = ${`pack_${id}`}`)
          expect(left).toEqual([])
        },
        { runs: 40 },
      )
    })
  },
  async ({ db }) => {
    await db.withSession(ensureInstalled)
    for (const statement of typesOfOwn) await db.query(sql.raw(statement))
  },
)
