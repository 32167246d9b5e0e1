// How old materialized views are: as pgstrata recorded it, as they say themselves, or not known; and which of them is told of.

import { describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import type { ViewFreshness } from '../../../src/watch/index.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { useDatabase } from '../../support/postgres.ts'
import { openMonitored } from './support.ts'

describe('materialized views', () => {
  const database = useDatabase(18, async ({ db }) => {
    await db.query(sql`
      create schema "Odd.One";
      create materialized view "Odd.One"."My View" as select now() - interval '90 minutes' as last_refreshed;
      create materialized view fresh as select now() as last_refreshed;
      create materialized view local_time as select (now() - interval '2 hours')::timestamp as last_refreshed;
      create materialized view silent as select 1 as n;
      create materialized view not_filled as select now() as last_refreshed with no data;
      create materialized view no_rows as select now() as last_refreshed where false`)
  })

  test('say it in a column, are stale when they were never filled, and unknown where nothing tells', async () => {
    const { monitor } = openMonitored(database().url)
    const found = await monitor.checkViewFreshness()
    expect(found.map(({ lastRefreshed, ...one }) => ({ ...one, dated: lastRefreshed !== null }))).toEqual([
      { view: 'My View', schema: 'Odd.One', hoursOld: 1.5, stale: true, by: 'its column last_refreshed', dated: true },
      { view: 'fresh', schema: 'public', hoursOld: 0, stale: false, by: 'its column last_refreshed', dated: true },
      { view: 'local_time', schema: 'public', hoursOld: 2, stale: true, by: 'its column last_refreshed', dated: true },
      { view: 'no_rows', schema: 'public', hoursOld: null, stale: null, by: 'unknown', dated: false },
      { view: 'not_filled', schema: 'public', hoursOld: null, stale: true, by: 'unknown', dated: false },
      { view: 'silent', schema: 'public', hoursOld: null, stale: null, by: 'unknown', dated: false },
    ])
    monitor.setThresholds({ materialized_view_staleness_hours: 1.75 })
    const stale = (await monitor.checkViewFreshness()).filter((view) => view.stale).map(({ view }) => view)
    expect(stale).toEqual(['local_time', 'not_filled'])
  })

  test('that pgstrata keeps are as old as it has recorded, whatever stands in them', async () => {
    const { db, url } = database()
    await db.query(sql`
      create schema pgstrata;
      create table pgstrata.view (name text, schema_name text, last_refreshed timestamptz);
      insert into pgstrata.view values ('fresh', 'public', now() - interval '3 hours'), ('silent', 'public', null)`)
    const { monitor } = openMonitored(url)
    const found = await monitor.checkViewFreshness()
    expect(found.find(({ view }) => view === 'fresh')).toMatchObject({ hoursOld: 3, stale: true, by: 'pgstrata' })
    expect(found.find(({ view }) => view === 'silent')).toMatchObject({ hoursOld: null, stale: null, by: 'unknown' })
    await db.query(sql`drop schema pgstrata cascade`)
  })

  test('are told of when they are stale, once an hour, and only while somebody listens', async () => {
    const clock = fakeClock()
    const { pool, monitor } = openMonitored(database().url, { clock })
    clock.advance(60_000)
    expect(pool.totalCount).toBe(0)
    const told: ViewFreshness[] = []
    monitor.on('staleView', (view) => void told.push(view))
    await monitor.check()
    expect(told.map(({ view }) => view)).toEqual(['My View', 'local_time', 'not_filled'])
    await monitor.check()
    expect(told).toHaveLength(3)
    clock.advance(60 * 60_000)
    await monitor.check()
    expect(told).toHaveLength(6)
    await database().db.query(sql`refresh materialized view not_filled`)
    await monitor.check()
    await database().db.query(sql`refresh materialized view not_filled with no data`)
    await monitor.check()
    expect(told.map(({ view }) => view).slice(6)).toEqual(['not_filled'])
  })

  test('that cannot be looked at are told of as a check that failed', async () => {
    const { pool, monitor } = openMonitored(database().url)
    const failed: string[] = []
    monitor.on('staleView', () => undefined)
    monitor.on('checkFailed', ({ check }) => void failed.push(check))
    await pool.end()
    await monitor.check()
    expect(failed).toEqual(['staleView'])
  })
})
