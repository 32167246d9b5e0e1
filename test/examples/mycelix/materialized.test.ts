// The materialized six: as old as their last refresh, and refreshed in three ways: by the job of the daemon when each is due, by
// `strata.views.refresh` (which refreshAllViews of the app calls), and by the function that schedules in SQL call.

import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/logger.ts'
import { sql } from '../../../src/sql/sql.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { versions } from '../../support/postgres.ts'
import { rawText, sixViews } from './compared-views.ts'
import { useFilled } from './filled.ts'

const names = sixViews.map((view) => view.replace('mv_', '')).toSorted()

describe.each(versions)('the materialized six on PostgreSQL %d', (version) => {
  const filled = useFilled(version, { plays: 1_000 })

  /** One more play of the first song, so that each of the six is out of date. */
  beforeEach(async () => {
    await filled().db.query(sql`
      insert into plays (song_id, artist_address, genre, strategy, listener_address, duration_s, amount)
      select s.song_id, s.artist_address, s.genre, s.strategy, l.listener_address, 60, 0.5
      from (select * from songs order by song_id limit 1) as s
      cross join (select * from listeners order by listener_address limit 1) as l`)
  })

  /** Names of those that do not hold what their statement gives now. */
  async function outOfDate(): Promise<readonly string[]> {
    const different: string[] = []
    for (const view of sixViews) {
      const name = view.replace('mv_', '')
      const columns = await filled().db.query<{ names: string }>(sql`
        select string_agg(quote_ident(attname), ', ' order by attnum) as names
        from pg_attribute
        where attrelid = to_regclass(${`materialized.${name}`})
          and attnum > 0
          and attname not in ('last_refreshed', 'trending_score')`)
      const list = columns.rows[0]?.names ?? ''
      const { rows } = await filled().db.query(
        sql.raw(`
          with kept as (select ${list} from materialized.${name}), raw as (select ${list} from (${await rawText(view)}\n) as raw)
          select from (table kept except all table raw) as only_kept
          union all
          select from (table raw except all table kept) as only_raw
          limit 1`),
      )
      if (rows.length > 0) different.push(name)
    }
    return different.toSorted()
  }

  test('by strata.views.refresh, all or those of artists, while readers go on', async () => {
    const { strata } = filled()
    expect(await outOfDate()).toEqual(names)
    const artists = await strata.views.refresh({ tags: ['artists'], concurrently: true })
    expect(artists).toMatchObject([{ name: 'artist_analytics', outcome: 'refreshed' }])
    expect(await outOfDate()).toEqual(names.filter((name) => name !== 'artist_analytics'))
    const all = await strata.views.refresh({ tags: ['materialized'], concurrently: true })
    expect(all.map(({ name, outcome }) => `${name} ${outcome}`).toSorted()).toEqual(
      names.map((name) => `${name} refreshed`),
    )
    expect(await outOfDate()).toEqual([])
  })

  test('by the job of the daemon: trends each quarter of an hour, most each hour, listeners each day', async () => {
    const { strata, db } = filled()
    const runJob = async (tick: Date) =>
      await strata.views.jobs[0]?.run({
        db: strata.db,
        tick,
        attempt: 1,
        fence: 1,
        signal: new AbortController().signal,
        clock: fakeClock(),
        random: () => 0.5,
        logger: silentLogger,
        confirm: () => Promise.resolve(),
      })
    const refreshedAt = async (tick: string, from: string): Promise<readonly string[]> => {
      await db.query(sql`update pgstrata.view set last_refreshed = ${from}`)
      const { refreshed = [] } = (await runJob(new Date(tick)))?.details ?? {}
      return (refreshed as readonly string[]).toSorted()
    }
    const [quarterly, nightly] = [['song_analytics', 'top_songs_week'], 'listener_activity']
    expect(await refreshedAt('2026-03-01T09:59:00Z', '2026-03-01 09:50:30Z')).toEqual([])
    expect(await refreshedAt('2026-03-01T10:15:00Z', '2026-03-01 10:00:30Z')).toEqual(quarterly)
    expect(await refreshedAt('2026-03-01T11:00:00Z', '2026-03-01 10:45:30Z')).toEqual(
      names.filter((name) => name !== nightly),
    )
    expect(await refreshedAt('2026-03-02T00:00:00Z', '2026-03-01 23:50:30Z')).toEqual(names)
    expect(await outOfDate()).toEqual([])
  })

  test('by the function of SQL, under the name that the original design calls', async () => {
    const { db } = filled()
    expect(await outOfDate()).toEqual(names)
    const { rows } = await db.query(sql`select refresh_all_materialized_views() as refreshed`)
    expect(rows).toEqual([{ refreshed: 6 }])
    expect(await outOfDate()).toEqual([])
    const freshness = await db.query(
      sql`select name from pgstrata.view_freshness where staleness < interval '1 minute' order by name`,
    )
    expect(freshness.rows).toEqual(names.map((name) => ({ name })))
  })
})
