// What `pgstrata apply` makes of `watch`: tables by day, their rollups by hour, in one go; and nothing more the second time.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { run, strataOf } from '../support.ts'

describeOnEachVersion('watch, applied', (_version, database) => {
  test('a plan before the first apply complains of nothing', async () => {
    const strata = strataOf(database().url)
    try {
      const plan = await strata.plan()
      expect(plan.held).toEqual([])
      expect(plan.drift).toEqual([])
    } finally {
      await strata.close()
    }
  })

  test('one apply lays out the tables and their rollups, and the next plan is empty', async () => {
    const { url, db } = database()
    const strata = strataOf(url)
    try {
      await strata.apply()
      const { rows } = await db.query<{ name: string }>(sql`
        select inhparent::regclass::text as name
        from pg_inherits
        where inhparent::regclass::text like 'pgstrata.watch%'
        group by 1
        order by 1`)
      expect(rows.map(({ name }) => name)).toEqual([
        'pgstrata.watch_call',
        'pgstrata.watch_metric',
        'pgstrata.watch_session',
        'pgstrata.watch_statement',
      ])
      expect(await strata.plan()).toMatchObject({ steps: [], held: [], drift: [] })
      await strata.apply()
      expect(await strata.plan()).toMatchObject({ steps: [], held: [], drift: [] })
    } finally {
      await strata.close()
    }
  })

  test('neither partitions that jobs make nor triggers on them are drift', async () => {
    const { url, db } = database()
    const strata = strataOf(url)
    try {
      await run(db, `update pgstrata.layout set ahead = 5 where table_name = 'watch_metric'`)
      await strata.jobs.runNow('partitions')
      await strata.rollup.fill('watch_metric_hourly')
      await strata.rollup.merge('watch_metric_hourly')
      expect(await strata.plan()).toMatchObject({ held: [], drift: [] })
    } finally {
      await strata.close()
    }
  })
})
