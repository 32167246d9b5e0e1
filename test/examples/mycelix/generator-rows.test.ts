// What the generator makes, before any database: the same for the same seed, and of the shape that music has.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeCatalogue } from '../../../examples/mycelix/src/generator/catalogue.ts'
import { createHabits } from '../../../examples/mycelix/src/generator/choices.ts'
import { readGenerateArguments } from '../../../examples/mycelix/src/generator/arguments.ts'
import { quietGenre } from '../../../examples/mycelix/src/generator/names.ts'
import { paymentsOf } from '../../../examples/mycelix/src/generator/payments.ts'
import { playsOf } from '../../../examples/mycelix/src/generator/plays.ts'
import { beginningOf, dayMs, hourMs, hoursOf, spansOf } from '../../../examples/mycelix/src/generator/rhythm.ts'
import { sizesOf } from '../../../examples/mycelix/src/generator/sizes.ts'
import { checkProperty } from '../../support/property.ts'

const now = new Date('2026-03-18T17:20:00.000Z')

function make(seed: number, plays: number) {
  const sizes = sizesOf(plays)
  const songIds = Array.from({ length: sizes.songs }, (_, index) => String(index + 1))
  const catalogue = makeCatalogue({ sizes, seed, now, songIds })
  return { sizes, catalogue, habits: createHabits(catalogue, seed) }
}

interface Play {
  readonly song: string
  readonly listener: string
  readonly atMs: number
}

function makePlays(seed: number, plays: number): readonly Play[] {
  const { sizes, habits } = make(seed, plays)
  const hours = hoursOf({ total: sizes.plays, days: sizes.days, now })
  return spansOf(hours, 168).flatMap((span) =>
    [...playsOf({ habits, seed, hours: span })].map((row) => ({
      song: String(row[0]),
      listener: String(row[4]),
      atMs: (row[5] as Date).getTime(),
    })),
  )
}

describe('the same seed', () => {
  test('gives the same people, songs, plays and payments; another gives others', () => {
    const all = (seed: number): string => {
      const { sizes, catalogue, habits } = make(seed, 3_000)
      const hours = hoursOf({ total: sizes.plays, days: sizes.days, now })
      const rows = [...playsOf({ habits, seed, hours }), ...paymentsOf({ habits, seed, hours: hours.slice(0, 4_000) })]
      return JSON.stringify([catalogue.rows, rows])
    }
    const first = all(1)
    expect(all(1)).toBe(first)
    expect(all(2)).not.toBe(first)
  })

  test('gives a week the same plays, whichever weeks are made besides', () => {
    const { sizes, habits } = make(3, 2_000)
    const spans = spansOf(hoursOf({ total: sizes.plays, days: sizes.days, now }), 168)
    const week = (index: number): string => JSON.stringify([...playsOf({ habits, seed: 3, hours: spans[index] ?? [] })])
    const alone = week(30)
    for (const index of [0, 29, 31]) week(index)
    expect(week(30)).toBe(alone)
    expect(alone.length).toBeGreaterThan(1_000)
  })
})

describe('the shape', () => {
  const plays = makePlays(1, 200_000)
  const { catalogue } = make(1, 200_000)
  const played = countBy(plays.map(({ song }) => song))

  test('is a power law over songs: the exponent is about 1.05', () => {
    const counts = [...played.values()].toSorted((left, right) => right - left).slice(0, 60)
    const points = counts.map((count, index) => [Math.log(index + 1), Math.log(count)] as const)
    const exponent = -slopeOf(points)
    expect(exponent).toBeGreaterThan(0.8)
    expect(exponent).toBeLessThan(1.4)
  })

  test('has favourites: a listener hears a few songs again and again', () => {
    const byListener = new Map<string, Play[]>()
    for (const play of plays) byListener.set(play.listener, [...(byListener.get(play.listener) ?? []), play])
    const busy = [...byListener.values()].filter((own) => own.length >= 200)
    expect(busy.length).toBeGreaterThan(20)
    const shares = busy.map((own) => {
      const counts = [...countBy(own.map(({ song }) => song)).values()].toSorted((left, right) => right - left)
      return counts.slice(0, 30).reduce((sum, count) => sum + count, 0) / own.length
    })
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
    const popular = [...played.values()].toSorted((left, right) => right - left).slice(0, 30)
    expect(mean).toBeGreaterThan(popular.reduce((sum, count) => sum + count, 0) / plays.length)
  })

  test('follows the day, the week and the year', () => {
    const hours = countBy(plays.map(({ atMs }) => String(new Date(atMs).getUTCHours())))
    expect(hours.get('20') ?? 0).toBeGreaterThan(5 * (hours.get('4') ?? 0))
    const days = countBy(plays.map(({ atMs }) => String(new Date(atMs).getUTCDay())))
    expect(days.get('6') ?? 0).toBeGreaterThan(1.2 * (days.get('2') ?? 0))
    const within = (from: number, to: number): number =>
      plays.filter(({ atMs }) => atMs >= now.getTime() - from * dayMs && atMs < now.getTime() - to * dayMs).length
    expect(within(30, 0)).toBeGreaterThan(1.8 * within(360, 330))
  })

  test('leaves artists, songs, a genre and listeners without plays', () => {
    const heard = new Set(plays.map(({ song }) => song))
    const silent = catalogue.songs.filter(({ songId }) => !heard.has(songId))
    expect(silent.length).toBeGreaterThan(0)
    expect(silent.some(({ genre }) => genre === quietGenre)).toBe(true)
    expect(catalogue.songs.filter(({ genre, songId }) => genre === quietGenre && heard.has(songId))).toEqual([])
    const artists = new Set(catalogue.songs.map(({ artist }) => artist))
    expect(catalogue.rows.artists.filter(([address]) => !artists.has(String(address))).length).toBeGreaterThan(0)
    const listening = new Set(plays.map(({ listener }) => listener))
    expect(catalogue.listeners.length - listening.size).toBeGreaterThan(0)
  })

  test('has no play before its song or its listener was there, and none after now', () => {
    const songs = new Map(catalogue.songs.map(({ songId, createdMs }) => [songId, createdMs]))
    const listeners = new Map(catalogue.listeners.map(({ address, createdMs }) => [address, createdMs]))
    const early = plays.filter(
      ({ song, listener, atMs }) =>
        atMs < (songs.get(song) ?? Infinity) || atMs < (listeners.get(listener) ?? Infinity),
    )
    expect(early).toEqual([])
    const from = beginningOf(now, 365)
    expect(plays.filter(({ atMs }) => atMs < from || atMs >= now.getTime())).toEqual([])
    expect(plays).toHaveLength(200_000)
  })
})

test('hours come to exactly what was asked for, each in its own time', async () => {
  const asked = fc.record({
    total: fc.nat(100_000),
    days: fc.integer({ min: 1, max: 400 }),
    nowMs: fc.integer({ min: 0, max: 2e12 }),
  })
  await checkProperty('hours', asked, ({ total, days, nowMs }) => {
    const hours = hoursOf({ total, days, now: new Date(nowMs) })
    expect(hours.reduce((sum, { count }) => sum + count, 0)).toBe(total)
    expect(hours.every(({ count, fromMs, toMs }) => count >= 0 && toMs > fromMs && toMs - fromMs <= hourMs)).toBe(true)
  })
})

describe('what is refused', () => {
  test.each([0, -1, 1.5, Number.NaN, Infinity, 1e9])('%s plays', (plays) => {
    expect(() => sizesOf(plays)).toThrow(/Plays: expected a whole number from 1 to 100,000,000/)
  })

  test.each([
    [['--plays', 'many'], /--plays: expected a whole number such as 1_000_000, got many/],
    [['--plays', '-5'], /--plays/],
    [['--plays', '1e6'], /got 1e6/],
    [['--seed', '0x10'], /--seed/],
    [['--reset', '--refuse'], /Expected --reset or --refuse, got both/],
    [['--speed', '9'], /--speed[\s\S]*npm run generate/],
    [['plays'], /npm run generate/],
  ])('%j', (words, said) => {
    expect(() => readGenerateArguments(words)).toThrow(said)
  })

  test('and what is not', () => {
    expect(readGenerateArguments(['--plays', '1_000_000', '--seed', '7', '--json', '--reset'])).toEqual({
      plays: 1_000_000,
      seed: 7,
      isJson: true,
      existing: 'reset',
    })
    expect(readGenerateArguments([])).toEqual({ isJson: false, existing: 'append' })
    expect(readGenerateArguments(['--help'])).toBeUndefined()
  })
})

function countBy(list: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const one of list) counts.set(one, (counts.get(one) ?? 0) + 1)
  return counts
}

/** Least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (pick: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length
  const [x, y] = [mean(([first]) => first), mean(([, second]) => second)]
  return mean(([first, second]) => (first - x) * (second - y)) / mean(([first]) => (first - x) ** 2)
}
