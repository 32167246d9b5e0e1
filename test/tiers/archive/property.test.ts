// Whatever a table holds, its archive gives back the same rows: by the hash, and row by row as text.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { createTestedTable, testedTable, typesOfOwn } from '../types-support.ts'
import { differences, duck, exportTable, loadTable } from './archive-support.ts'

describeOnEachVersion(
  'an archive of any table',
  (version, database) => {
    test('gives back its rows', async () => {
      const base = await temporaryFolder()
      const own = await duck([base])
      await checkProperty(
        `archives on ${version}`,
        testedTable({ mostRows: 2500 }),
        async (table) => {
          await database().db.withSession(async (session) => {
            await session.query(sql`drop table if exists plays, restored`)
            await createTestedTable(session, 'plays', table)
            await session.query(sql`create table restored (like plays)`)
            const job = { table: 'public.plays', axis: 'at', folder: join(base, 'work'), duck: own, mostRows: 900 }
            const exported = await exportTable(session, job)
            const rows = table.values[0]?.length ?? 0
            expect(exported.files.length).toBe(Math.ceil(rows / 900))
            const content = await loadTable(session, exported, { into: 'public.restored', duck: own })
            expect(content.rows).toBe(String(rows))
            expect(await differences(session, 'public.plays', 'public.restored')).toEqual([])
          })
        },
        { runs: 30 },
      )
      own.close()
    })
  },
  async ({ db }) => {
    for (const statement of typesOfOwn) await db.query(sql.raw(statement))
  },
)
