// What the compiler knows of a reader from a declaration. `npm run check` compiles this file; the tests run it.

import { expect, expectTypeOf, test } from 'vitest'
import { avg, count, countDistinct, countIf, mode, sum, sumIf } from '../../src/rollups/model/declare.ts'
import type { ReaderOf, ReadersOf } from '../../src/rollups/read/types.ts'
import type { Sql } from '../../src/sql/sql.ts'

function declare<const Declared>(declared: Declared): Declared {
  return declared
}

const rollups = declare({
  song_plays: {
    from: 'plays',
    bucket: '1 hour',
    by: ['song_id', 'country'],
    measures: {
      plays: count(),
      earnings: sum('amount'),
      mean: avg('amount'),
      skipped: countIf('skipped'),
      paid: sumIf('amount', 'paid'),
      loudness: sum('loudness', { floats: true }),
    },
  },
  all_plays: { from: 'plays', measures: { plays: count() } },
})

type Songs = ReaderOf<(typeof rollups)['song_plays']>

test('rows are what was asked for', () => {
  const use = async (songs: Songs): Promise<void> => {
    const [all] = await songs.rows()
    expectTypeOf(all).toEqualTypeOf<
      | {
          readonly plays: string
          readonly earnings: string | null
          readonly mean: string | null
          readonly skipped: string
          readonly paid: string | null
          readonly loudness: string | number | null
        }
      | undefined
    >()
    const [one] = await songs
      .where({ song_id: 7, country: ['DE', null] })
      .since('30 days')
      .by('song_id', 'day')
      .measures('plays')
      .join({ song: { table: 'songs', on: 'song_id', columns: ['title', 'artist'] } })
      .orderBy('song_title')
      .orderBy('plays', 'desc')
      .limit(20)
      .rows<{ song_id: number; song_title: string | null }>()
    expectTypeOf(one).toEqualTypeOf<
      | {
          readonly song_id: number
          readonly day: Date
          readonly plays: string
          readonly song_title: string | null
          readonly song_artist: unknown
        }
      | undefined
    >()
    expectTypeOf(await songs.compile()).toEqualTypeOf<Sql>()
    // @ts-expect-error there is no such key
    songs.where({ artist: 1 })
    // @ts-expect-error it is no key
    songs.by('plays')
    // @ts-expect-error there is no such unit
    songs.by('decade')
    // @ts-expect-error there is no such measure
    songs.measures('listeners')
    // @ts-expect-error it is not read
    songs.measures('plays').orderBy('earnings')
    // @ts-expect-error it is no key
    songs.join({ song: { table: 'songs', on: 'plays', columns: ['title'] } })
    // @ts-expect-error a number is no time
    songs.since(30)
    // @ts-expect-error only what is read can be said to have a type
    await songs.by('country').rows<{ song_id: number }>()
  }
  expect(use).toBeTypeOf('function')
})

test('without a bucket there is no time', () => {
  const use = (readers: ReadersOf<typeof rollups>): void => {
    expectTypeOf(readers.song_plays).toEqualTypeOf<Songs>()
    // @ts-expect-error it has no bucket
    readers.all_plays.since('30 days')
    // @ts-expect-error it has no bucket
    readers.all_plays.by('day')
    // @ts-expect-error it has no keys
    readers.all_plays.where({ song_id: 1 })
  }
  expect(use).toBeTypeOf('function')
})

const withTotals = declare({
  song_plays: {
    from: 'plays',
    bucket: '1 hour',
    by: ['song_id'],
    measures: {
      plays: count(),
      listeners: countDistinct('listener', { windows: true }),
      towns: countDistinct('town'),
      streets: countDistinct('street', { windows: false }),
      written: { kind: 'countDistinct', of: 'x' },
      asking: { kind: 'countDistinct', of: 'x', windows: true },
    },
    totals: { windows: { '7d': '7 days' }, compute: { share: 'plays_7d / nullif(listeners_7d, 0)' } },
  },
})

test('totals have the distinct values that ask for windows, and no others', () => {
  const use = async (songs: ReaderOf<(typeof withTotals)['song_plays']>): Promise<void> => {
    const [all] = await songs.rows()
    expectTypeOf(all).toEqualTypeOf<
      { readonly [Name in 'plays' | 'listeners' | 'towns' | 'streets' | 'written' | 'asking']: string } | undefined
    >()
    const [one] = await songs
      .totals()
      .orderBy('listeners_7d', 'desc')
      .measures('listeners', 'listeners_7d', 'asking_7d', 'share')
      .rows<{ song_id: number }>()
    expectTypeOf(one).toEqualTypeOf<
      | {
          readonly song_id: number
          readonly listeners: string
          readonly listeners_7d: string
          readonly asking_7d: string
          readonly share: string | number | null
        }
      | undefined
    >()
    // @ts-expect-error it asks for none
    songs.totals().measures('towns')
    // @ts-expect-error it asks for none
    songs.totals().measures('towns_7d')
    // @ts-expect-error it says that it asks for none
    songs.totals().measures('streets_7d')
    // @ts-expect-error it says nothing of windows
    songs.totals().measures('written_7d')
    // @ts-expect-error there is no such window
    songs.totals().measures('listeners_1d')
  }
  expect(use).toBeTypeOf('function')
})

const withoutBucket = declare({
  audience: {
    from: 'plays',
    by: ['song_id'],
    measures: { plays: count(), listeners: countDistinct('listener'), usual: mode('genre') },
    totals: { compute: { share: 'plays / nullif(listeners, 0)' } },
  },
})

test('totals without a bucket have all distinct values', () => {
  const use = async (audience: ReaderOf<(typeof withoutBucket)['audience']>): Promise<void> => {
    const [one] = await audience.totals().measures('plays', 'listeners').rows<{ song_id: number }>()
    expectTypeOf(one).toEqualTypeOf<
      { readonly song_id: number; readonly plays: string; readonly listeners: string } | undefined
    >()
    // @ts-expect-error of the most frequent there is nothing to be added up
    audience.totals().measures('usual')
  }
  expect(use).toBeTypeOf('function')
})

test('measures are what they say', () => {
  expect(Object.values(rollups.song_plays.measures)).toEqual([
    { kind: 'count' },
    { kind: 'sum', of: 'amount' },
    { kind: 'avg', of: 'amount' },
    { kind: 'count', filter: 'skipped' },
    { kind: 'sum', of: 'amount', filter: 'paid' },
    { kind: 'sum', of: 'loudness', floats: true },
  ])
  expect(count('listener')).toEqual({ kind: 'count', of: 'listener' })
  expect(countDistinct('a', { windows: true })).toEqual({ kind: 'countDistinct', of: 'a', windows: true })
})

test('totals may have nothing but an index', () => {
  const ranked = declare({
    ranked: { from: 'plays', by: ['song_id'], measures: { plays: count() }, totals: { index: ['plays desc'] } },
  })
  const use = async ({ ranked: reader }: ReadersOf<typeof ranked>): Promise<void> => {
    const [row] = await reader.totals().orderBy('plays', 'desc').rows()
    expectTypeOf(row?.plays).toEqualTypeOf<string | undefined>()
  }
  expect(use).toBeTypeOf('function')
})
