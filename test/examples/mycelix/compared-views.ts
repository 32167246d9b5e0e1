// The six views beside their independent raw statements, row for row, in one snapshot and at one instant.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rawTrending } from '../../../bench/scenarios/mycelix/trending.ts'
import type { Queryable } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { folder } from './filled.ts'

export const sixViews = [
  'mv_artist_analytics',
  'mv_song_analytics',
  'mv_platform_stats',
  'mv_top_songs_week',
  'mv_listener_activity',
  'mv_genre_stats',
] as const

export type SixView = (typeof sixViews)[number]

/** Adds up plays themselves. */
export async function rawText(view: SixView): Promise<string> {
  return await readFile(join(folder, 'views', 'materialized', `${view}.sql`), 'utf8')
}

/** Rows of one side that the other has not. `trending_score` is of whole hours, and as far as is merged: see `trendingDifferences`. */
export async function differencesOf(on: Queryable, view: SixView): Promise<readonly object[]> {
  const { rows: columns } = await on.query<{ name: string }>(sql`
    select attname as name
    from pg_attribute
    where attrelid = to_regclass(${view})
      and attnum > 0
      and attname not in ('trending_score', 'last_refreshed')`)
  const names = columns.map(({ name }) => name).join(', ')
  const { rows } = await on.query(
    sql.raw(`
      with ours as (select ${names} from ${view}), raw as (select ${names} from (${await rawText(view)}\n) as raw)
      select 'ours' as side, * from (select * from ours except all select * from raw) as only_ours
      union all
      select 'raw', * from (select * from raw except all select * from ours) as only_raw
      limit 10`),
  )
  return rows
}

/** `trending_score` is of whole hours. */
export async function trendingDifferences(on: Queryable): Promise<readonly object[]> {
  const { rows } = await on.query(
    sql.raw(`
      with ours as (
        select song_id, trending_score
        from mv_song_analytics
      ),
      raw as (${rawTrending})
      select 'ours' as side, * from (table ours except all table raw) as only_ours
      union all
      select 'raw', * from (table raw except all table ours) as only_raw
      limit 10`),
  )
  return rows
}
