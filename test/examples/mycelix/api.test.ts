// Every endpoint over HTTP that reads: of a database with nothing in it, with artists whom nobody plays, and with plays; what is wrong
// and what is not there is refused in one shape; what a client has already it is not sent again.

import { beforeAll, describe, expect, test } from 'vitest'
import { warmUp } from '../../../examples/mycelix/src/api/warm-up.ts'
import { platformColumns } from '../../../examples/mycelix/src/db/columns.ts'
import { expectWarmed } from '../support/warmed.ts'
import { addArtist, addListener, addPlay, addSong, ask, useService } from './service-support.ts'

const served = useService()

describe('an empty database', () => {
  test('gives zeros and empty lists', async () => {
    const platform = await ask(served(), '/platform')
    expect(platform.status).toBe(200)
    expect(Object.keys(platform.body)).toEqual(Object.keys(platformColumns))
    expect(platform.body).toMatchObject({ total_artists: 0, total_plays: 0, total_volume: '0' })
    for (const [path, name] of [
      ['/songs/trending', 'songs'],
      ['/songs/top', 'songs'],
      ['/songs', 'songs'],
      ['/artists', 'artists'],
      ['/genres', 'genres'],
      ['/listeners', 'listeners'],
    ] as const)
      expect([path, (await ask(served(), path)).body]).toEqual([path, { [name]: [] }])
    expect((await ask(served(), '/genres/shares')).body).toEqual({ plays: 0, genres: [] })
  })

  test('has nobody', async () => {
    for (const [path, what] of [
      ['/artists/0xa', 'artist'],
      ['/artists/0xa/dashboard', 'artist'],
      ['/artists/0xa/earnings', 'artist'],
      ['/songs/1', 'song'],
      ['/listeners/0xl', 'listener'],
      ['/listeners/0xl/plays', 'listener'],
    ] as const) {
      const { status, body } = await ask(served(), path)
      expect([path, status, body]).toEqual([
        path,
        404,
        { error: { code: 'NOT_FOUND', message: `There is no such ${what}` } },
      ])
    }
    expect((await ask(served(), '/nothing')).status).toBe(404)
  })
})

describe('with songs and plays', () => {
  const songs = { loud: 0, quiet: 0, gift: 0 }
  beforeAll(async () => {
    await addArtist(served(), '0xada', 'Ada % Lovelace')
    await addArtist(served(), '0xbob', 'Bob')
    for (const listener of ['0xl1', '0xl2', '0xl3']) await addListener(served(), listener)
    songs.loud = await addSong(served(), { title: 'Loud', artist: '0xada' })
    songs.quiet = await addSong(served(), { title: 'Quiet', artist: '0xada', genre: 'Folk', strategy: 'patronage' })
    songs.gift = await addSong(served(), { title: 'Gift', artist: '0xbob', genre: 'Folk', strategy: 'gift-economy' })
    for (const listener of ['0xl1', '0xl2', '0xl1']) await addPlay(served(), { song: songs.loud, listener })
    await addPlay(served(), { song: songs.gift, listener: '0xl1', amount: '0.25000001', minutesAgo: 26 * 60 })
    await addPlay(served(), { song: songs.gift, listener: '0xl2', amount: '0', minutesAgo: 10 * 24 * 60 })
    await served().strata.rollup.merge('song_plays')
    await served().strata.rollup.merge('artist_plays')
    // What was cached of the empty database.
    await served().strata.cache.clear()
  })

  test('an artist has its analytics, one who is never played too', async () => {
    const ada = await ask(served(), '/artists/0xada')
    expect(ada.body).toMatchObject({
      artist_address: '0xada',
      artist_name: 'Ada % Lovelace',
      total_songs: 2,
      total_plays: 3,
      unique_listeners: 2,
      total_earnings: '1.50000000',
      plays_last_30_days: 3,
      plays_last_7_days: 3,
    })
    expect(Number(ada.body['avg_earning_per_play'])).toBe(0.5)
    expect((await ask(served(), '/artists/0xbob')).body).toMatchObject({ total_plays: 2, plays_last_7_days: 1 })
    expect((await ask(served(), '/artists/0xada?fields=total_plays,artist_name')).body).toEqual({
      artist_name: 'Ada % Lovelace',
      total_plays: 3,
    })
  })

  test('what is asked before the first client is understood, all of it', async () => {
    const { app, strata } = served()
    expectWarmed(await warmUp(app, { strata }))
  })

  test('artists are found by part of a name, whose signs mean themselves, and by address', async () => {
    const find = async (search: string): Promise<unknown> =>
      (
        (await ask(served(), `/artists?search=${encodeURIComponent(search)}&fields=artist_address`)).body[
          'artists'
        ] as {
          artist_address: string
        }[]
      ).map((artist) => artist.artist_address)
    expect(await find('')).toEqual(['0xada', '0xbob'])
    expect(await find('LOVE')).toEqual(['0xada'])
    expect(await find('%')).toEqual(['0xada'])
    expect(await find('_')).toEqual([])
    expect(await find('0xbob')).toEqual(['0xbob'])
  })

  test('a dashboard has songs and thirty days, as many as asked for has the series', async () => {
    const { body } = await ask(served(), '/artists/0xada/dashboard')
    expect(body).toMatchObject({
      analytics: { total_plays: 3 },
      top_songs: [
        { title: 'Loud', play_count: 3 },
        { title: 'Quiet', play_count: 0 },
      ],
    })
    expect(body['earnings_by_day']).toHaveLength(30)
    const series = (await ask(served(), '/artists/0xbob/earnings?days=12')).body['days'] as {
      day: string
      plays: number
      earnings: string
    }[]
    expect(series).toHaveLength(12)
    expect(series.at(-1)?.day).toBe(new Date().toISOString().slice(0, 10))
    expect(series.reduce((sum, { plays }) => sum + plays, 0)).toBe(2)
    expect(series.filter(({ plays }) => plays > 0).map(({ earnings }) => Number(earnings))).toEqual([0, 0.25000001])
    expect((await ask(served(), '/artists/0xbob/earnings?days=2')).body['days']).toHaveLength(2)
  })

  test('songs are trending by the formula, of all genres and of one', async () => {
    const { body } = await ask(served(), '/songs/trending?fields=song_id,trending_score')
    const inOrder = (body['songs'] as { song_id: number; trending_score: number }[]).map(({ song_id }) => song_id)
    expect(inOrder).toEqual([songs.loud, songs.gift, songs.quiet])
    expect((body['songs'] as { trending_score: number }[])[0]?.trending_score).toBe(30)
    const folk = await ask(served(), '/songs/trending?genre=Folk&limit=1&fields=title')
    expect(folk.body).toEqual({ songs: [{ title: 'Gift' }] })
  })

  test('the songs of the week are those of seven days', async () => {
    expect((await ask(served(), '/songs/top?fields=title,plays,rank,artist_name')).body).toEqual({
      songs: [
        { title: 'Loud', plays: 3, rank: 1, artist_name: 'Ada % Lovelace' },
        { title: 'Gift', plays: 1, rank: 2, artist_name: 'Bob' },
      ],
    })
    expect((await ask(served(), '/songs/top?limit=1')).body['songs']).toHaveLength(1)
  })

  test('songs are found by genre, strategy, artist, plays and time, in any order and in parts', async () => {
    const titles = async (asked: string): Promise<unknown> =>
      ((await ask(served(), `/songs?${asked}`)).body['songs'] as { title: string }[]).map(({ title }) => title)
    expect(await titles('genre=Folk')).toEqual(['Gift', 'Quiet'])
    expect(await titles('strategy=patronage')).toEqual(['Quiet'])
    expect(await titles('artist=0xada&minPlays=1')).toEqual(['Loud'])
    expect(await titles('sortBy=title&order=asc')).toEqual(['Gift', 'Loud', 'Quiet'])
    expect(await titles('sortBy=title&order=asc&limit=1&offset=1')).toEqual(['Loud'])
    const since = new Date(Date.now() - 2 * 86_400_000).toISOString()
    expect(await titles(`since=${since}&minPlays=1&sortBy=play_count`)).toEqual(['Loud', 'Gift'])
  })

  test('one song, exact to the last commit', async () => {
    expect((await ask(served(), `/songs/${songs.gift}`)).body).toMatchObject({
      song_id: songs.gift,
      title: 'Gift',
      play_count: 2,
      unique_listeners: 2,
      total_earnings: '0.25000001',
      avg_play_duration: 180,
      plays_last_7_days: 1,
      plays_last_30_days: 2,
    })
  })

  test('the platform, its genres and their shares', async () => {
    expect((await ask(served(), '/platform')).body).toMatchObject({
      total_artists: 2,
      total_songs: 3,
      total_plays: 5,
      total_listeners: 2,
      songs_patronage: 1,
      plays_last_24h: 3,
      plays_last_7d: 4,
      plays_last_30d: 5,
      new_songs_last_7d: 3,
    })
    expect((await ask(served(), '/genres?fields=genre,total_plays,popularity_rank')).body).toEqual({
      genres: [
        { genre: 'Jazz', total_plays: 3, popularity_rank: 1 },
        { genre: 'Folk', total_plays: 2, popularity_rank: 2 },
      ],
    })
    expect((await ask(served(), '/genres/shares?days=7')).body).toMatchObject({
      plays: 4,
      genres: [
        { genre: 'Jazz', plays: 3, share: 0.75 },
        { genre: 'Folk', plays: 1, share: 0.25 },
      ],
    })
  })

  test('a listener has favourites and plays in pages, and those who listened last are told', async () => {
    expect((await ask(served(), '/listeners/0xl1')).body).toMatchObject({
      total_plays: 3,
      unique_songs_played: 2,
      unique_artists: 2,
      total_spent: '1.25000001',
      favorite_genre: 'Jazz',
      favorite_strategy: 'pay-per-stream',
    })
    expect((await ask(served(), '/listeners/0xl3')).body).toMatchObject({ total_plays: 0, favorite_genre: null })
    const titles: unknown[] = []
    let next: string | null = ''
    for (let page = 0; next !== null; page++) {
      const { body } = await ask(served(), `/listeners/0xl1/plays?limit=2${page === 0 ? '' : `&cursor=${next}`}`)
      titles.push((body['plays'] as { title: string }[]).map(({ title }) => title))
      next = body['next'] as string | null
    }
    expect(titles).toEqual([['Loud', 'Loud'], ['Gift']])
    expect((await ask(served(), '/listeners/0xl3/plays')).body).toEqual({ plays: [], next: null })
    const { body } = await ask(served(), '/listeners')
    expect((body['listeners'] as string[]).toSorted()).toEqual(['0xl1', '0xl2'])
  })

  test('what a client has it is not sent again', async () => {
    const first = await ask(served(), '/genres')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^W\/"/)
    const again = await ask(served(), '/genres', { headers: { 'if-none-match': etag } })
    expect([again.status, again.body]).toEqual([304, {}])
  })

  test.each([
    ['/artists/0xada?fields=wallet', 'query.fields'],
    ['/artists/0xada/earnings?days=0', 'query.days'],
    ['/artists/0xada/earnings?days=367', 'query.days'],
    ['/artists?limit=101', 'query.limit'],
    ['/artists?search=%00', 'query.search'],
    ['/songs?strategy=free', 'query.strategy'],
    ['/songs?sortBy=song_id;drop', 'query.sortBy'],
    ['/songs?order=up', 'query.order'],
    ['/songs?minPlays=-1', 'query.minPlays'],
    ['/songs?since=yesterday', 'query.since'],
    ['/songs?offset=10001', 'query.offset'],
    ['/songs?other=1', 'query'],
    ['/songs/none', 'params.song_id'],
    ['/songs/0', 'params.song_id'],
    ['/songs/trending?limit=none', 'query.limit'],
    ['/genres/shares?days=x', 'query.days'],
    ['/listeners/0xl1/plays?cursor=x', 'query.cursor'],
  ])('%s is refused', async (path, where) => {
    const { status, body } = await ask(served(), path)
    expect([status, body.error?.code]).toEqual([400, 'BAD_INPUT'])
    expect(body.error?.message.startsWith(`${where}: expected `), body.error?.message).toBe(true)
  })

  test('health and metrics stand at the paths of the original design', async () => {
    expect((await ask(served(), '/health/live')).status).toBe(200)
    expect((await ask(served(), '/health/ready')).status).toBe(200)
    expect((await ask(served(), '/metrics/database')).status).toBe(401)
  })

  test('nothing went wrong that nobody expected', () => {
    expect(served().lines).toEqual([])
  })
})
