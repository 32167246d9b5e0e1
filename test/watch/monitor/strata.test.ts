// strata.monitor: of the pool of the configuration, from its first use on; stored where the configuration says `watch`.

import { describe, expect, onTestFinished, test } from 'vitest'
import { watchTables } from '../../../src/catalog/schema/watch-tables.ts'
import { resolveConfig } from '../../../src/config/index.ts'
import { openStrata, type Strata } from '../../../src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { useDatabase } from '../../support/postgres.ts'

describe('strata.monitor', () => {
  const database = useDatabase(18, async ({ db }) => {
    await db.query(sql`create table songs (id int primary key, genre text); create schema pgstrata`)
    // Without the partitions and rollups of apply, which take their time.
    for (const statement of watchTables) await db.query(sql.raw(statement))
    await db.query(sql`
      create table pgstrata.metric_all partition of pgstrata.watch_metric default;
      create table pgstrata.call_all partition of pgstrata.watch_call default`)
  })

  const open = (more: object = {}): Strata => {
    const config = resolveConfig({ database: { primary: database().url }, ...more }, { root: '/', name: 'test' })
    const strata = openStrata(config)
    onTestFinished(() => strata.close())
    return strata
  }

  test('counts from its first use on what goes through the pool, by whichever call', async () => {
    const strata = open()
    await strata.query(sql`select count(*) from songs`)
    expect(strata.monitor.getStats().count).toBe(0)
    await strata.query(sql`select count(*) from songs`)
    await strata.tx(async (tx) => void (await tx.query(sql`select 1`)))
    await strata.pool.query('select 2')
    // What the library asks the server is none of it.
    await strata.readNodes()
    await strata.analyzer.explain('select * from songs where id = $1', [1])
    expect(strata.monitor.getStats().count).toBe(5)
    expect(strata.monitor).toBe(strata.monitor)
  })

  test('stores nothing without `watch`, and nothing connects for it', async () => {
    const strata = open()
    expect(strata.monitor.getStats().count).toBe(0)
    await strata.close()
    expect(strata.pool.stats().map(({ connects }) => connects)).toEqual([0])
  })

  test('with `watch` it observes from the start, and what it saw is stored by close()', async () => {
    const strata = open({ watch: {} })
    for (let n = 0; n < 3; n++) await strata.pool.query(`select * from songs where genre = 'geheim ${n}'`)
    await strata.close()
    const { rows } = await database().db.query(sql`
      select s.text, sum(c.calls)::int as calls
      from pgstrata.watch_call c join pgstrata.watch_shape s using (shape)
      where s.kind = 'statement'
      group by 1`)
    expect(rows).toEqual([{ text: 'select * from songs where genre = $1', calls: 3 }])
    const metrics = await database().db.query(sql`
      select metric, value from pgstrata.watch_metric where node = 'app' order by metric`)
    expect(metrics.rows.map(({ metric }) => metric)).toEqual([
      'pgstrata_pool_exhausted_total',
      'pgstrata_pool_used_ratio',
      'pgstrata_pool_waiting',
    ])
  })
})
