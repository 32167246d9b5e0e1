// The plays of some hours, in the order of time. What one is worth follows from how its song is paid for.
//
// Promises: the same habits, seed and hours give the same rows, whichever hours are made besides. No play is before its song and its listener
// were there (unless all of them are younger), or outside of its hour.

import { createRandom, type CopyRow, type Random } from 'pgstrata-example-kit'
import { createChooser, type Habits } from './choices.ts'
import type { Song } from './catalogue.ts'
import type { Hour } from './rhythm.ts'

export const playColumns: readonly string[] = [
  'song_id',
  'artist_address',
  'genre',
  'strategy',
  'listener_address',
  'played_at',
  'duration_s',
  'amount',
]

export interface RowsOptions {
  readonly habits: Habits
  readonly seed: number
  readonly hours: readonly Hour[]
  readonly signal?: AbortSignal | undefined
}

export function* playsOf({ habits, seed, hours, signal }: RowsOptions): Generator<CopyRow> {
  const random = createRandom(seedOf(seed, hours))
  const choose = createChooser(habits, random)
  const lengths = new Map(habits.songs.map((song, index) => [song.songId, 120 + ((index * 37) % 240)]))
  for (const hour of hours) {
    signal?.throwIfAborted()
    for (const atMs of momentsOf(hour, random)) {
      const { listener, song } = choose(atMs)
      const whole = lengths.get(song.songId) ?? 180
      const seconds = random.next() < 0.6 ? whole : 5 + random.int(whole - 5)
      yield [
        song.songId,
        song.artist,
        song.genre,
        song.strategy,
        listener.address,
        new Date(atMs),
        seconds,
        worthOf(song, random),
      ]
    }
  }
}

/** In FLOW. */
function worthOf({ strategy }: Song, random: Random): string {
  switch (strategy) {
    case 'pay-per-stream':
      return '0.01'
    case 'gift-economy':
      return random.next() < 0.06 ? `${random.between(1, 40) / 10}` : '0'
    case 'patronage':
      return '0.002'
    case 'auction':
      return `0.0${random.between(100, 999)}`
  }
}

/** As many as the hour has, each in a slice of its own. */
export function* momentsOf({ fromMs, toMs, count }: Hour, random: Random): Generator<number> {
  const slice = (toMs - fromMs) / count
  for (let index = 0; index < count; index++) yield Math.floor(fromMs + (index + random.next()) * slice)
}

/** Hours that begin at another time have other rows. */
export function seedOf(seed: number, hours: readonly Hour[]): number {
  const hour = Math.floor((hours[0]?.fromMs ?? 0) / 3_600_000)
  return seed ^ Math.imul(hour, 0x9e3779b1)
}
