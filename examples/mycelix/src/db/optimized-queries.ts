// OptimizedQueries: what the pages and the API ask of the six views.
//
// Promises: rows have the columns of the views, by the names of the original design; what each is in code says columns.ts. Each call is one
// statement, in one round trip. What is not there is undefined, or an empty list.

import { sql, type Sql } from 'pgstrata'
import { askerOf, type Ask, type Source } from './ask.ts'
import {
  artistColumns,
  dayColumns,
  genreColumns,
  listenerColumns,
  platformColumns,
  readRow,
  songColumns,
  topSongColumns,
  type ArtistAnalytics,
  type Columns,
  type DayOfEarnings,
  type GenreStats,
  type ListenerActivity,
  type PlatformStats,
  type RawRow,
  type RowOf,
  type SongAnalytics,
  type TopSong,
} from './columns.ts'
import { wholeNumber } from './checks.ts'
import { mostRows } from './query-builder.ts'
import { refresh, type RefreshReport } from './refreshing.ts'
import { onlyRow } from './rows.ts'

export { AnalyticsQueryBuilder, type BuiltQuery, type Direction, type SongColumn } from './query-builder.ts'
export { CACHE_TTL, QueryCache } from './query-cache.ts'
export type {
  ArtistAnalytics,
  DayOfEarnings,
  GenreStats,
  ListenerActivity,
  PlatformStats,
  SongAnalytics,
  TopSong,
} from './columns.ts'
export type { RefreshedView, RefreshReport } from './refreshing.ts'
export { readRow, songColumns } from './columns.ts'

export interface ArtistDashboard {
  readonly analytics: ArtistAnalytics
  /** The ten with most plays. */
  readonly top_songs: readonly SongAnalytics[]
  /** Thirty days, today the last, those without plays included. */
  readonly earnings_by_day: readonly DayOfEarnings[]
}

export interface ArtistRefresh extends RefreshReport {
  /** As it is now. undefined: there is no such artist. */
  readonly artist: ArtistAnalytics | undefined
}

const mostSongs = 100
const dashboardSongs = 10
const artistRollups = ['song_plays', 'artist_plays', 'song_audience', 'artist_audience']

export class OptimizedQueries {
  readonly #source: Source
  readonly #ask: Ask

  /** A Strata, or a pool: a pg.Pool or a StrataPool. */
  constructor(source: Source) {
    this.#source = source
    this.#ask = askerOf(source)
  }

  async getArtistAnalytics(address: string): Promise<ArtistAnalytics | undefined> {
    const rows = await this.#rows(
      artistColumns,
      sql`select * from mv_artist_analytics where artist_address = ${address}`,
    )
    return rows[0]
  }

  /**
   * The order is that of whole hours, at most one merge behind; all else is exact. It comes from an index as it stands: of songs with the
   * same score any may come first.
   */
  async getTrendingSongs(limit = 20, genre?: string): Promise<readonly SongAnalytics[]> {
    const count = wholeNumber('getTrendingSongs()', limit, mostRows)
    const where = genre === undefined ? sql`` : sql`where genre = ${genre}`
    return await this.#rows(
      songColumns,
      sql`select * from mv_song_analytics ${where} order by trending_score desc limit ${count}`,
    )
  }

  async getPlatformStats(): Promise<PlatformStats> {
    return onlyRow({ rows: await this.#rows(platformColumns, sql`select * from mv_platform_stats`) })
  }

  async getListenerActivity(address: string): Promise<ListenerActivity | undefined> {
    const rows = await this.#rows(
      listenerColumns,
      sql`select * from mv_listener_activity where listener_address = ${address}`,
    )
    return rows[0]
  }

  async getArtistDashboard(address: string): Promise<ArtistDashboard | undefined> {
    const [row] = await this.#ask(dashboardOf(address))
    if (row === undefined) return undefined
    return {
      analytics: readRow(artistColumns, row),
      top_songs: (row['top_songs'] as readonly RawRow[]).map((song) => readRow(songColumns, song)),
      earnings_by_day: (row['earnings_by_day'] as readonly RawRow[]).map((day) => readRow(dayColumns, day)),
    }
  }

  /** The songs of the last seven days; of those with as many plays the older one comes first. */
  async getTopSongs(limit: number = mostSongs): Promise<readonly TopSong[]> {
    return await this.#rows(
      topSongColumns,
      sql`select * from mv_top_songs_week where rank <= ${wholeNumber('getTopSongs()', limit)} order by rank`,
    )
  }

  async getGenreStats(): Promise<readonly GenreStats[]> {
    return await this.#rows(genreColumns, sql`select * from mv_genre_stats order by popularity_rank`)
  }

  /** Refreshes the materialized six and merges all rollups; says what became of each. */
  async refreshAllViews(): Promise<RefreshReport> {
    return await refresh(this.#source, this.#ask, { tag: 'materialized' })
  }

  /** The same for those that artists are in, which cannot be refreshed for one of them alone; and how that one stands now. */
  async refreshArtistViews(address: string): Promise<ArtistRefresh> {
    const report = await refresh(this.#source, this.#ask, { tag: 'artists', rollups: artistRollups })
    return { ...report, artist: await this.getArtistAnalytics(address) }
  }

  async #rows<Of extends Columns>(columns: Of, statement: Sql): Promise<readonly RowOf<Of>[]> {
    return (await this.#ask(statement)).map((row) => readRow(columns, row))
  }
}

function dashboardOf(address: string): Sql {
  return sql`
    select a.*,
      coalesce((
        select jsonb_agg(to_jsonb(s) order by s.play_count::bigint desc, s.song_id)
        from (
          select ${jsonColumns(songColumns)}
          from mv_song_analytics
          where artist_address = ${address}
          order by play_count desc, song_id
          limit ${dashboardSongs}
        ) as s
      ), '[]') as top_songs,
      (
        select jsonb_agg(to_jsonb(d) order by d.day)
        from (
          select day.utc::date::text as day, coalesce(p.plays, 0) as plays, coalesce(p.earnings, 0)::text as earnings
          from generate_series(0, 29) as ago
          cross join lateral (
            select date_trunc('day', now() at time zone 'UTC') - ago * interval '1 day' as utc
          ) as day
          left join artist_plays as p on p.artist_address = ${address} and p.bucket = day.utc at time zone 'UTC'
        ) as d
      ) as earnings_by_day
    from mv_artist_analytics as a
    where a.artist_address = ${address}`
}

/** Numbers of JSON are floating point to whoever reads them: amounts go as text. */
function jsonColumns(columns: Columns): Sql {
  const written = Object.entries(columns).map(([name, kind]) =>
    kind === 'amount' ? sql`${sql.ident(name)}::text as ${sql.ident(name)}` : sql.ident(name),
  )
  return sql.join(written, ', ')
}
