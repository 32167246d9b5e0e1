import { readFileSync } from 'node:fs'
import { avg, count, countDistinct, defineConfig, sum } from 'pgstrata'

/** Plays of a year, whenever this is read: older partitions that are there stay. */
const now = new Date()
const yearAgo = new Date(Date.UTC(now.getUTCFullYear() - 1, now.getUTCMonth())).toISOString().slice(0, 10)

const plays = { plays: count(), earnings: sum('amount') }
/** How many different listeners: of all time, exact to the last commit, by `<name>_ever`. Without a bucket each is kept once. */
const audience = { from: 'plays', measures: { listeners: countDistinct('listener_address') }, totals: {} } as const

const text = (path: string): string => readFileSync(new URL(`./views/${path}.sql`, import.meta.url), 'utf8')
const plain = (name: string) => ({ sql: text(name), materialized: false }) as const
/** The same by adding up all plays at every refresh, as the original design has it. */
const materialized = (
  name: string,
  { unique, refresh, tags = [] }: { readonly unique: string; readonly refresh: string; readonly tags?: string[] },
) => ({
  sql: text(`materialized/${name}`),
  schema: 'materialized',
  unique: [unique],
  refresh,
  tags: ['materialized', ...tags],
})

/** Something to see on the embedded server: a few plays a second, of what somebody played before. Without any plays it does nothing. */
const listeners = {
  every: '2s',
  sql: `
    insert into plays (song_id, artist_address, genre, strategy, listener_address, duration_s, amount)
    select p.song_id, p.artist_address, p.genre, p.strategy, p.listener_address, p.duration_s, p.amount
    from (
      select now() - interval '30 days' * random() as at
      from generate_series(1, 5)
    ) as moment
    cross join lateral (
      select *
      from plays
      where played_at >= moment.at
      order by played_at
      limit 1
    ) as p`,
}

const hourly = ['artist_analytics', 'song_analytics', 'platform_stats', 'top_songs_week', 'genre_stats']

export default defineConfig({
  database: {
    primary: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:54320/mycelix',
    pool: { max: 20 },
  },
  tables: {
    plays: {
      time: 'played_at',
      partition: 'month',
      ahead: 6,
      from: yearAgo,
      accept: ['wider-keys'],
      // Not `warm`: a change of a song reaches its plays by a foreign key, and would not reach packed ones.
      cold: { after: '1 year' },
    },
  },
  archive: { to: process.env['MYCELIX_ARCHIVE'] ?? './.pgstrata/cold' },
  rollups: {
    song_plays: {
      from: 'plays',
      bucket: '1 hour',
      by: ['song_id'],
      measures: { ...plays, seconds: avg('duration_s') },
      levels: ['day'],
      totals: {
        windows: { '1d': '1 day', '7d': '7 days', '30d': '30 days' },
        // Ten points for a play of the last day, five for one of the week, one for one of the month.
        compute: { trending: 'plays_1d * 10 + (plays_7d - plays_1d) * 5 + (plays_30d - plays_7d)' },
        // `trending` the other way round too: read backwards it serves `order by … desc`, whose nulls come first.
        index: ['trending desc', 'trending', 'plays_7d desc'],
      },
    },
    artist_plays: { from: 'plays', bucket: '1 day', by: ['artist_address'], measures: plays, totals: {} },
    genre_plays: { from: 'plays', bucket: '1 hour', by: ['genre'], measures: plays, levels: ['day'], totals: {} },
    platform_plays: { from: 'plays', bucket: '1 hour', measures: plays, totals: {} },
    listener_tastes: { from: 'plays', by: ['listener_address', 'genre', 'strategy'], measures: plays },
    song_audience: { ...audience, by: ['song_id'] },
    artist_audience: { ...audience, by: ['artist_address'] },
    genre_audience: { ...audience, by: ['genre'] },
    platform_audience: audience,
    // What there is to be played, so that no view has to count songs.
    genre_catalog: {
      from: 'songs',
      by: ['genre'],
      measures: { songs: count(), artists: countDistinct('artist_address') },
      totals: {},
    },
    strategy_catalog: { from: 'songs', by: ['strategy'], measures: { songs: count() } },
    payment_volume: {
      from: 'payments',
      time: 'paid_at',
      bucket: '1 hour',
      measures: { payments: count(), volume: sum('amount') },
      totals: {},
    },
  },
  views: {
    mv_artist_analytics: plain('mv_artist_analytics'),
    mv_song_analytics: plain('mv_song_analytics'),
    mv_platform_stats: plain('mv_platform_stats'),
    mv_top_songs_week: plain('mv_top_songs_week'),
    mv_listener_activity: plain('mv_listener_activity'),
    mv_genre_stats: plain('mv_genre_stats'),
    artist_analytics: materialized('mv_artist_analytics', {
      unique: 'artist_address',
      refresh: '1 hour',
      tags: ['artists'],
    }),
    song_analytics: materialized('mv_song_analytics', { unique: 'song_id', refresh: '15 minutes' }),
    platform_stats: materialized('mv_platform_stats', { unique: 'total_plays', refresh: '1 hour' }),
    top_songs_week: materialized('mv_top_songs_week', { unique: 'song_id', refresh: '15 minutes' }),
    listener_activity: materialized('mv_listener_activity', { unique: 'listener_address', refresh: '1 day' }),
    genre_stats: materialized('mv_genre_stats', { unique: 'genre', refresh: '1 hour' }),
  },
  live: {
    tables: {
      songs: { columns: ['title', 'artist_address', 'genre', 'strategy'], filters: ['artist_address', 'genre'] },
    },
    rollups: ['song_plays', 'artist_plays', 'genre_plays', 'platform_plays', 'payment_volume'],
    tops: { song_plays: ['trending', 'plays_7d'] },
  },
  // What cached answers say of artists goes when an artist changes; the feed captures songs for `live` as it is.
  changes: { tables: ['artists'] },
  cache: {
    namespaces: {
      platformStats: { ttl: '1 min' },
      topSongs: { ttl: '5 min' },
      artistProfile: { ttl: '10 min' },
      listeners: { ttl: '30s', staleFor: '30s' },
    },
  },
  watch: {},
  // The thresholds of the original design: a query above half a second, a pool above 70 %, a view that was not refreshed within its
  // hour, with room for the refresh itself.
  alerts: {
    rules: {
      QueryVerySlow: { over: '500ms' },
      PoolBusy: { over: '70%' },
      ViewStale: { where: { view: hourly }, over: '90 min' },
      ViewStaleDaily: {
        metric: 'pgstrata_view_age_seconds',
        where: { view: 'listener_activity' },
        over: '25 h',
        summary: 'Materialized view {view} is {value} old',
      },
    },
  },
  expect: {
    newest_play_of_an_artist: {
      sql: `
        select played_at
        from plays
        where artist_address = $1
          and played_at >= $2
        order by played_at desc
        limit 1`,
      index: 'plays_artist_idx',
    },
  },
  server: {},
  jobs: { own: process.env['DATABASE_URL'] === undefined ? { listeners } : {} },
  dev: {
    version: 18,
    replicas: 1,
    database: 'mycelix',
    preload: ['pg_stat_statements'],
    settings: {
      track_io_timing: 'on',
      shared_buffers: '1GB',
      work_mem: '64MB',
      maintenance_work_mem: '512MB',
      max_wal_size: '4GB',
    },
  },
})
