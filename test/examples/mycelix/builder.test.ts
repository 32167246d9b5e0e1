// AnalyticsQueryBuilder: whatever is put together is one valid statement, and gives what filtering all songs by hand gives.

import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  AnalyticsQueryBuilder,
  readRow,
  songColumns,
  type SongAnalytics,
  type SongColumn,
} from '../../../examples/mycelix/src/db/optimized-queries.ts'
import { strategies } from '../../../examples/mycelix/src/strategies.ts'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { checkProperty } from '../../support/property.ts'
import { useFilled } from './filled.ts'

const sortable = Object.keys(songColumns) as readonly SongColumn[]

describe('what is built', () => {
  const filled = useFilled(18, { plays: 4_000 })

  test('equals filtering, sorting and cutting in code, for any chain of calls', async () => {
    const { strata, db } = filled()
    // One transaction: for all of its statements it is the same moment.
    const client = await strata.pool.connect()
    onTestFinished(() => client.release(true))
    await client.query('begin isolation level repeatable read')
    const all = await client.query('select * from mv_song_analytics')
    const songs = all.rows.map((row: Record<string, unknown>) => readRow(songColumns, row))
    const { rows: titles } = await db.query<{ title: string }>(
      sql`select title from songs group by title order by title`,
    )
    const byTitle = new Map(titles.map(({ title }, index) => [title, index]))
    const { rows: words } = await db.query<{ word: string }>(sql`
      select word
      from (
        select genre as word from songs
        union select strategy from songs
        union select artist_address from songs
      ) as words
      order by word`)
    const order = new Map([...byTitle, ...words.map(({ word }, index): [string, number] => [word, index])])
    const genres = [...new Set(songs.map(({ genre }) => genre))]
    const artists = [...new Set(songs.map((song) => song.artist_address))]
    const maybe = <T>(input: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(input, { nil: undefined })
    const asked = fc.record({
      genre: maybe(fc.constantFrom(...genres, 'Polka')),
      strategy: maybe(fc.constantFrom(...strategies)),
      artist: maybe(fc.constantFrom(...artists)),
      minPlays: maybe(fc.nat(200)),
      sortBy: maybe(fc.tuple(fc.constantFrom(...sortable), fc.constantFrom('ASC' as const, 'DESC' as const))),
      limit: maybe(fc.nat(30)),
      offset: maybe(fc.nat(30)),
    })
    await checkProperty(
      'AnalyticsQueryBuilder',
      asked,
      async ({ genre, strategy, artist, minPlays, sortBy, limit, offset }) => {
        const builder = new AnalyticsQueryBuilder()
        if (genre !== undefined) builder.genre(genre)
        if (strategy !== undefined) builder.strategy(strategy)
        if (artist !== undefined) builder.artist(artist)
        if (minPlays !== undefined) builder.minPlays(minPlays)
        if (sortBy !== undefined) builder.sortBy(...sortBy)
        if (limit !== undefined) builder.limit(limit)
        if (offset !== undefined) builder.offset(offset)
        const { query, params } = builder.build()
        const { rows } = await client.query(query, params)
        const got = rows.map((row: Record<string, unknown>) => readRow(songColumns, row))
        const wanted = songs
          .filter((song) => genre === undefined || song.genre === genre)
          .filter((song) => strategy === undefined || song.strategy === strategy)
          .filter((song) => artist === undefined || song.artist_address === artist)
          .filter((song) => song.play_count >= (minPlays ?? 0))
        const isCut = limit !== undefined || offset !== undefined
        const sorted = sortBy !== undefined || isCut ? sort(wanted, order, sortBy ?? ['song_id', 'ASC']) : wanted
        const cut = sorted.slice(offset ?? 0, limit === undefined ? undefined : (offset ?? 0) + limit)
        const inOrder = (list: readonly SongAnalytics[]): readonly SongAnalytics[] =>
          sortBy !== undefined || isCut ? list : sort(list, order, ['song_id', 'ASC'])
        expect(inOrder(got)).toEqual(inOrder(cut))
      },
      { runs: 60 },
    )
  })

  test('since counts from that moment on, to the second', async () => {
    const { strata, db } = filled()
    const moments = await db.query<{ moment: Date }>(sql`
      select played_at + interval '1 millisecond' as moment from plays order by played_at desc offset 700 limit 1`)
    const { moment } = onlyRow(moments)
    const { query, params } = new AnalyticsQueryBuilder().since(moment).minPlays(1).sortBy('play_count', 'DESC').build()
    const { rows } = await strata.pool.query(query, params)
    const got = rows.map((row: Record<string, unknown>) => readRow(songColumns, row))
    const raw = await db.query<{ song: number; plays: number; earnings: string; seconds: number }>(sql`
      select song_id::integer as song, count(*)::integer as plays, sum(amount)::text as earnings, avg(duration_s)::float8 as seconds
      from plays
      where played_at >= ${moment}
      group by song_id
      order by count(*) desc, song_id`)
    expect(raw.rows.length).toBeGreaterThan(10)
    expect(got.map((row) => [row.song_id, row.play_count, Number(row.total_earnings)])).toEqual(
      raw.rows.map(({ song, plays, earnings }) => [song, plays, Number(earnings)]),
    )
    for (const [index, { seconds }] of raw.rows.entries()) expect(got[index]?.avg_play_duration).toBeCloseTo(seconds, 6)
  })

  test('no value is in the text, whatever it is', async () => {
    const { strata } = filled()
    await checkProperty(
      'values stay parameters',
      fc.string({ minLength: 1 }).filter((text) => !text.includes('\0')),
      async (text) => {
        const { query, params } = new AnalyticsQueryBuilder()
          .genre(`x${text}`)
          .artist(`y${text}'; drop table songs; --`)
          .build()
        expect(query).toBe(new AnalyticsQueryBuilder().genre('g').artist('a').build().query)
        expect(params).toHaveLength(2)
        expect((await strata.pool.query(query, params)).rows).toEqual([])
      },
      { runs: 20 },
    )
  })
})

test.each([
  ['sortBy', 'a column that is none', (b: AnalyticsQueryBuilder) => b.sortBy('title; drop table songs' as 'title')],
  ['sortBy', 'a name of every object', (b: AnalyticsQueryBuilder) => b.sortBy('constructor' as 'title')],
  ['sortBy', 'a direction that is none', (b: AnalyticsQueryBuilder) => b.sortBy('title', 'desc nulls last' as 'DESC')],
  ['strategy', 'a strategy that is none', (b: AnalyticsQueryBuilder) => b.strategy('free' as 'auction')],
  ['genre', 'nothing', (b: AnalyticsQueryBuilder) => b.genre('')],
  ['artist', 'no text', (b: AnalyticsQueryBuilder) => b.artist(7 as unknown as string)],
  ['minPlays', 'a fraction', (b: AnalyticsQueryBuilder) => b.minPlays(1.5)],
  ['limit', 'less than nothing', (b: AnalyticsQueryBuilder) => b.limit(-1)],
  ['limit', 'too many', (b: AnalyticsQueryBuilder) => b.limit(1e9)],
  ['offset', 'no number', (b: AnalyticsQueryBuilder) => b.offset(Number.NaN)],
  ['since', 'no time', (b: AnalyticsQueryBuilder) => b.since(new Date('yesterday'))],
])('%s refuses %s, and says what it takes', (method, _, call) => {
  let refusal: { code?: string; message?: string; expected?: string } = {}
  try {
    call(new AnalyticsQueryBuilder())
  } catch (error) {
    refusal = error as typeof refusal
  }
  expect(refusal.code).toBe('VALUE_INVALID')
  expect(refusal.message).toContain(`${method}()`)
  expect(refusal.expected).not.toBe('')
})

type Sorted = readonly [SongColumn, 'ASC' | 'DESC']

/** Texts by the order that the server has for them. */
function sort(
  songs: readonly SongAnalytics[],
  order: ReadonlyMap<string, number>,
  [column, direction]: Sorted,
): readonly SongAnalytics[] {
  const rankOf = (song: SongAnalytics): number => {
    const value = song[column]
    if (typeof value === 'number') return value
    return column === 'total_earnings' ? Number(value) : (order.get(value) ?? 0)
  }
  const sign = direction === 'ASC' ? 1 : -1
  return songs.toSorted((left, right) => sign * (rankOf(left) - rankOf(right)) || left.song_id - right.song_id)
}
