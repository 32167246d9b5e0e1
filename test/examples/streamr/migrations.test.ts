// The migrations of streamr: up through the lint gate, partitioned and rolled up by the first apply, nothing left to do for the second; and
// each of them back to nothing and up again.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { openOn, useStreamr } from './support.ts'

async function relationsOf({ db }: Pick<TestDatabase, 'db'>): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(sql`
    select relname as name
    from pg_class
    where relnamespace = 'public'::regnamespace
    order by 1`)
  return rows.map(({ name }) => name)
}

describeOnEachVersion('the migrations of streamr', (version) => {
  const streamr = useStreamr(version, { days: 'all' })

  test('leave nothing to do after the first apply, with room for 90 days and a week ahead', async () => {
    const { strata, db } = streamr()
    const plan = await strata.plan()
    expect([plan.steps, plan.drift, plan.held]).toEqual([[], [], []])
    const { rows } = await db.query<{ days: string }>(sql`
      select count(*) as days
      from pg_inherits
      where inhparent = 'probe_results'::regclass`)
    expect(Number(rows[0]?.days)).toBeGreaterThanOrEqual(97)
  })

  test('go through the gate of the lint, down to nothing, and up to the same again', async () => {
    const database = await testDatabase(version)
    const strata = openOn(database.url)
    try {
      const { ran } = await strata.migrate.up()
      expect(ran.length).toBeGreaterThanOrEqual(5)
      const made = await relationsOf(database)
      await strata.migrate.down({ steps: ran.length })
      expect(await relationsOf(database)).toEqual([])
      await strata.migrate.up()
      expect(await relationsOf(database)).toEqual(made)
    } finally {
      await strata.close()
      await database.close()
    }
  })
})
