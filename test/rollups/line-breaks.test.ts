// Texts of several lines in the expressions of a declaration: each statement means them as they were written.

import { expect, test } from 'vitest'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import { mergeProcedure } from '../../src/rollups/merge/merge-procedure.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const address = `E'Main Street 1\\n\\nSpringfield'`

describeOnEachVersion('a literal with line breaks', (_version, database) => {
  test('is the same to what captures, merges, looks again and fills', async () => {
    const { db } = database()
    await run(
      db,
      'create table plays (id int primary key, song int, at timestamptz not null, amount int, sent_to text)',
      `insert into plays select n, 1, '2026-03-01 10:00Z', n, ${address} from generate_series(1, 3) as n`,
    )
    const [shape] = await install(db, [
      rollupOf({
        where: `sent_to = ${address}`,
        measures: [
          measure('plays', 'count', { filter: `sent_to = ${address}` }),
          measure('most', 'max', { of: 'amount', filter: `sent_to = ${address}` }),
        ],
      }),
    ])
    if (shape === undefined) throw new Error('no rollup')
    const read = async (): Promise<unknown> => (await db.query(sql`select plays, most from song_plays`)).rows
    await run(
      db,
      `insert into plays values (4, 1, '2026-03-01 10:00Z', 4, ${address}), (5, 1, '2026-03-01 10:00Z', 5, 'x')`,
    )
    expect(await read()).toEqual([{ plays: '4', most: 4 }])
    await run(db, 'delete from plays where id = 4')
    await db.withSession((session) => mergeRollup(session, shape, patience))
    expect(await read()).toEqual([{ plays: '3', most: 3 }])
    expect(await differences(db, shape)).toEqual([])
    expect(mergeProcedure([shape]).create).toContain('Main Street 1\n\nSpringfield')
  })
})
