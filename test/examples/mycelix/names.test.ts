// Every table, view and column that the original design names is there under that name, with a type that fits; of the plain six and of the
// materialized ones.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { sixViews, type SixView } from './compared-views.ts'
import { useFilled } from './filled.ts'

const named: Readonly<Record<SixView, readonly string[]>> = {
  mv_artist_analytics: [
    'artist_address',
    'artist_name',
    'total_songs',
    'total_plays',
    'unique_listeners',
    'total_earnings',
    'avg_earning_per_play',
    'last_play_date',
    'plays_last_30_days',
    'plays_last_7_days',
    'last_refreshed',
  ],
  mv_song_analytics: [
    'song_id',
    'title',
    'artist_address',
    'genre',
    'strategy',
    'play_count',
    'unique_listeners',
    'total_earnings',
    'avg_play_duration',
    'trending_score',
    'plays_last_7_days',
    'plays_last_30_days',
  ],
  mv_platform_stats: [
    'total_artists',
    'total_songs',
    'total_plays',
    'total_listeners',
    'total_volume',
    'songs_pay_per_stream',
    'songs_gift_economy',
    'songs_patronage',
    'songs_auction',
    'plays_last_24h',
    'plays_last_7d',
    'plays_last_30d',
    'new_songs_last_7d',
    'new_songs_last_30d',
  ],
  mv_top_songs_week: ['song_id', 'title', 'artist_address', 'artist_name', 'genre', 'plays', 'rank'],
  mv_listener_activity: [
    'listener_address',
    'total_plays',
    'unique_songs_played',
    'unique_artists',
    'total_spent',
    'avg_spent_per_play',
    'favorite_genre',
    'favorite_strategy',
    'plays_last_7d',
    'plays_last_30d',
  ],
  mv_genre_stats: [
    'genre',
    'total_songs',
    'total_artists',
    'total_plays',
    'total_earnings',
    'unique_listeners',
    'plays_last_7d',
    'popularity_rank',
  ],
}

/** What its statements use of the tables. */
const tables = {
  songs: ['song_id', 'title', 'artist_address', 'genre', 'strategy'],
  plays: ['play_id', 'song_id', 'artist_address', 'listener_address', 'played_at', 'amount'],
  artists: ['artist_address', 'artist_name'],
  listeners: ['listener_address'],
  payments: ['artist_address', 'amount'],
} as const

describeOnEachVersion('the names of the original design', (version) => {
  const filled = useFilled(version)

  const columnsOf = async (place: string): Promise<ReadonlyMap<string, string>> => {
    const { rows } = await filled().db.query<{ name: string; type: string }>(sql`
      select attname as name, format_type(atttypid, null) as type
      from pg_attribute
      where attrelid = to_regclass(${place})
        and attnum > 0
        and not attisdropped
      order by attnum`)
    return new Map(rows.map(({ name, type }) => [name, type]))
  }

  test.each(sixViews)('%s has each of its columns, and says when it was true', async (view) => {
    const columns = await columnsOf(view)
    expect([...columns.keys()]).toEqual([...new Set([...named[view], 'last_refreshed'])])
    // The materialized one holds the same, by the same types.
    expect(await columnsOf(`materialized.${view.replace('mv_', '')}`)).toEqual(columns)
  })

  test.each(Object.entries(tables))('table %s has its columns', async (table, columns) => {
    expect([...(await columnsOf(table)).keys()]).toEqual(expect.arrayContaining([...columns]))
  })

  test('plays are partitioned by month, from a year ago to six months ahead', async () => {
    const { rows } = await filled().db.query<{ months: number }>(sql`
      select count(*)::int as months
      from pg_inherits
      where inhparent = 'plays'::regclass`)
    expect(rows).toEqual([{ months: 19 }])
  })

  test('last_refreshed is the moment of the transaction that asks, before which everything is in the answer', async () => {
    await filled().db.withSession(async (session) => {
      for (const isolation of ['read committed', 'repeatable read', 'serializable']) {
        await session.query(sql`begin isolation level ${sql.raw(isolation)}`)
        for (const view of sixViews) {
          const { rows } = await session.query<{ same: boolean }>(
            sql`select bool_and(last_refreshed = now()) as same from ${sql.ident(view)} having count(*) > 0`,
          )
          expect(rows.every(({ same }) => same)).toBe(true)
        }
        await session.query(sql`rollback`)
      }
    })
  })

  test('an apply leaves nothing to do', async () => {
    // The database is a copy of one that was filled: an apply notes that columns are numbered anew.
    await filled().strata.apply()
    const plan = await filled().strata.plan()
    expect([plan.steps, plan.drift, plan.held]).toEqual([[], [], []])
  })
})
