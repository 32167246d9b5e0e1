// OptimizedQueries, through a Strata, a StrataPool and a plain pg.Pool: each says what the rows of the tables come to.

import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { OptimizedQueries } from '../../../examples/mycelix/src/db/optimized-queries.ts'
import type { Source } from '../../../examples/mycelix/src/db/ask.ts'
import { onlyRow } from '../../../src/db/db.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { useFilled } from './filled.ts'

const kinds = ['a Strata', 'a StrataPool', 'a pg.Pool'] as const

describe('on a database with plays', () => {
  const filled = useFilled(18, { plays: 5_000 })

  function open(kind: (typeof kinds)[number]): { readonly queries: OptimizedQueries; readonly sent: string[] } {
    const { strata, url } = filled()
    const sent: string[] = []
    if (kind === 'a Strata') return { queries: new OptimizedQueries(counting(strata, sent)), sent }
    const pool =
      kind === 'a pg.Pool' ? new pg.Pool({ connectionString: url }) : new StrataPool({ connectionString: url })
    onTestFinished(() => pool.end())
    return { queries: new OptimizedQueries(counting(pool, sent)), sent }
  }

  async function one<Row extends object>(statement: ReturnType<typeof sql>): Promise<Row> {
    return onlyRow(await filled().db.query<Row>(statement))
  }

  describe.each(kinds)('through %s', (kind) => {
    test('an artist: counts are numbers, amounts are text with all their digits', async () => {
      const { queries } = open(kind)
      const raw = await one<{ address: string; plays: number; earnings: string; newest: Date; listeners: number }>(sql`
        select artist_address as address, count(*)::integer as plays, sum(amount)::text as earnings, max(played_at) as newest,
          count(distinct listener_address)::integer as listeners
        from plays
        group by artist_address
        order by count(*) desc, artist_address
        limit 1`)
      expect(await queries.getArtistAnalytics(raw.address)).toMatchObject({
        artist_address: raw.address,
        total_plays: raw.plays,
        total_earnings: raw.earnings,
        unique_listeners: raw.listeners,
        last_play_date: raw.newest,
        last_refreshed: expect.any(Date),
      })
      expect(await queries.getArtistAnalytics('0xnobody')).toBeUndefined()
    })

    test('an artist without plays has zeros, and no last one', async () => {
      const silent = await one<{ address: string }>(sql`
        select artist_address as address
        from artists as a
        where not exists (select from plays as p where p.artist_address = a.artist_address)
        limit 1`)
      expect(await open(kind).queries.getArtistAnalytics(silent.address)).toMatchObject({
        total_plays: 0,
        unique_listeners: 0,
        last_play_date: null,
      })
    })

    test('trending songs, all and of a genre, the first the most', async () => {
      const { queries } = open(kind)
      await filled().strata.rollup.merge('song_plays')
      const songs = await queries.getTrendingSongs(20)
      expect(songs).toHaveLength(20)
      expect(songs.map(({ trending_score }) => trending_score)).toEqual(
        songs.map(({ trending_score }) => trending_score).toSorted((left, right) => right - left),
      )
      expect(songs[0]?.trending_score).toBeGreaterThan(0)
      const genre = songs[0]?.genre ?? ''
      const ofGenre = await queries.getTrendingSongs(5, genre)
      expect(ofGenre[0]?.song_id).toBe(songs[0]?.song_id)
      expect(new Set(ofGenre.map((song) => song.genre))).toEqual(new Set([genre]))
      await expect(queries.getTrendingSongs(-1)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    })

    test('the platform, in one row', async () => {
      const raw = await one<{ plays: number; listeners: number; volume: string; songs: number }>(sql`
        select (select count(*)::integer from plays) as plays,
          (select count(distinct listener_address)::integer from plays) as listeners,
          (select sum(amount)::text from payments) as volume,
          (select count(*)::integer from songs) as songs`)
      const stats = await open(kind).queries.getPlatformStats()
      expect(stats).toMatchObject({
        total_plays: raw.plays,
        total_listeners: raw.listeners,
        total_volume: raw.volume,
        total_songs: raw.songs,
      })
      expect(stats.songs_pay_per_stream + stats.songs_gift_economy + stats.songs_patronage + stats.songs_auction).toBe(
        raw.songs,
      )
    })

    test('a listener, with favourites; without plays there are none', async () => {
      const { queries } = open(kind)
      const raw = await one<{ address: string; plays: number; songs: number; spent: string }>(sql`
        select listener_address as address, count(*)::integer as plays, count(distinct song_id)::integer as songs,
          sum(amount)::text as spent
        from plays
        group by listener_address
        order by count(*) desc, listener_address
        limit 1`)
      const found = await queries.getListenerActivity(raw.address)
      expect(found).toMatchObject({
        total_plays: raw.plays,
        unique_songs_played: raw.songs,
        total_spent: raw.spent,
        favorite_genre: expect.any(String),
        favorite_strategy: expect.any(String),
      })
      const silent = await one<{ address: string }>(sql`
        select listener_address as address
        from listeners as l
        where not exists (select from plays as p where p.listener_address = l.listener_address)
        limit 1`)
      expect(await queries.getListenerActivity(silent.address)).toMatchObject({
        total_plays: 0,
        favorite_genre: null,
        favorite_strategy: null,
      })
      expect(await queries.getListenerActivity('0xnobody')).toBeUndefined()
    })

    test('the dashboard of an artist is one statement: analytics, top songs, thirty days', async () => {
      const { queries, sent } = open(kind)
      const raw = await one<{ address: string }>(sql`
        select artist_address as address from plays group by artist_address order by count(*) desc limit 1`)
      const dashboard = await queries.getArtistDashboard(raw.address)
      expect(sent).toHaveLength(1)
      expect(dashboard?.analytics).toEqual({
        ...(await queries.getArtistAnalytics(raw.address)),
        last_refreshed: expect.any(Date),
      })
      const { rows: songs } = await filled().db.query<{ song: number; plays: number; earnings: string }>(sql`
        select song_id::integer as song, count(*)::integer as plays, sum(amount)::text as earnings
        from plays
        where artist_address = ${raw.address}
        group by song_id
        order by count(*) desc, song_id
        limit 10`)
      expect(
        dashboard?.top_songs
          .slice(0, songs.length)
          .map(({ song_id, play_count, total_earnings }) => [song_id, play_count, total_earnings]),
      ).toEqual(songs.map(({ song, plays, earnings }) => [song, plays, earnings]))
      const { rows: days } = await filled().db.query<{ day: string; plays: number; earnings: string }>(sql`
        select (played_at at time zone 'UTC')::date::text as day, count(*)::integer as plays, sum(amount)::text as earnings
        from plays
        where artist_address = ${raw.address}
        group by 1
        order by 1`)
      const shown = dashboard?.earnings_by_day ?? []
      expect(shown).toHaveLength(30)
      expect(shown.filter(({ plays }) => plays > 0)).toEqual(days.filter(({ day }) => day >= (shown[0]?.day ?? '')))
      expect(await queries.getArtistDashboard('0xnobody')).toBeUndefined()
    })

    test('the songs of the week are ranked without holes, and genres by their plays', async () => {
      const { queries } = open(kind)
      const top = await queries.getTopSongs(10)
      expect(top.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      expect((await queries.getTopSongs()).slice(0, 10)).toEqual(top)
      const genres = await queries.getGenreStats()
      expect(genres.map(({ popularity_rank }) => popularity_rank)).toEqual(genres.map((_, index) => index + 1))
      expect(genres.at(-1)).toMatchObject({ genre: 'Field Recordings', total_plays: 0 })
    })

    test('refreshing says what became of each view, and what was merged', async () => {
      const { queries } = open(kind)
      const { db } = filled()
      await addPlay()
      const report = await queries.refreshAllViews()
      expect(report.views.map(({ view, outcome }) => `${view} ${outcome}`).toSorted()).toEqual([
        'artist_analytics refreshed',
        'genre_stats refreshed',
        'listener_activity refreshed',
        'platform_stats refreshed',
        'song_analytics refreshed',
        'top_songs_week refreshed',
      ])
      expect(report.merged).toContain('song_plays')
      const counted = await one<{ same: boolean }>(sql`
        select (select total_plays from materialized.platform_stats) = (select count(*) from plays) as same`)
      expect(counted.same).toBe(true)

      const { artist_address: address } = await addPlay()
      const ofArtist = await queries.refreshArtistViews(address)
      expect(ofArtist.views).toMatchObject([{ view: 'artist_analytics', outcome: 'refreshed' }])
      expect(ofArtist.merged).toContain('artist_plays')
      expect(ofArtist.merged).not.toContain('platform_plays')
      const { rows } = await db.query<{ plays: number }>(sql`
        select total_plays::integer as plays from materialized.artist_analytics where artist_address = ${address}`)
      expect(ofArtist.artist?.total_plays).toBe(rows[0]?.plays)
      expect((await queries.refreshArtistViews('0xnobody')).artist).toBeUndefined()
    })

    test('a view that cannot be refreshed is told with the reason, and stops no other', async () => {
      const { queries } = open(kind)
      const { db } = filled()
      await db.query(sql`alter materialized view materialized.top_songs_week rename to moved`)
      onTestFinished(async () => {
        await db.query(sql`alter materialized view materialized.moved rename to top_songs_week`)
      })
      const report = await queries.refreshAllViews()
      const failed = report.views.filter(({ outcome }) => outcome === 'failed')
      expect(failed.map(({ view, why }) => [view, typeof why])).toEqual([['top_songs_week', 'string']])
      expect(report.views.filter(({ outcome }) => outcome === 'refreshed')).toHaveLength(5)
    })
  })

  async function addPlay(): Promise<{ readonly artist_address: string }> {
    return await one(sql`
      insert into plays (song_id, artist_address, genre, strategy, listener_address, duration_s, amount)
      select song_id, artist_address, genre, strategy, (select listener_address from listeners limit 1), 60, 0.01
      from songs
      order by song_id
      limit 1
      returning artist_address`)
  }
})

/** The same, which notes what it was asked. */
function counting(source: Source, sent: string[]): Source {
  const note = (asked: unknown): void => void sent.push(typeof asked === 'string' ? asked : JSON.stringify(asked))
  return new Proxy(source, {
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name)
      if (typeof own !== 'function') return own
      return (...given: readonly unknown[]): unknown => {
        if (name === 'query') note(given[0])
        return Reflect.apply(own, target, given)
      }
    },
  })
}
