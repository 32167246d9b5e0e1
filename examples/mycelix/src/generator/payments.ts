// The payments of some hours: streams settled with an artist, gifts, patronage and auctions of songs.
//
// Promises: as for plays. What a payment is for follows from how the song is paid for.

import { createRandom, type CopyRow, type Random } from 'pgstrata-example-kit'
import { createChooser } from './choices.ts'
import type { Strategy } from '../strategies.ts'
import { momentsOf, seedOf, type RowsOptions } from './plays.ts'

export const paymentColumns: readonly string[] = [
  'payer_address',
  'artist_address',
  'song_id',
  'kind',
  'amount',
  'paid_at',
]

type Kind = 'stream' | 'gift' | 'patronage' | 'auction'

const kinds: Readonly<Record<Strategy, Kind>> = {
  'pay-per-stream': 'stream',
  'gift-economy': 'gift',
  patronage: 'patronage',
  auction: 'auction',
}
/** From, to, in hundredths of FLOW. */
const amounts: Readonly<Record<Kind, readonly [number, number]>> = {
  stream: [10, 200],
  gift: [10, 500],
  patronage: [100, 2_000],
  auction: [50, 5_000],
}

export function* paymentsOf({ habits, seed, hours, signal }: RowsOptions): Generator<CopyRow> {
  const random = createRandom(seedOf(seed ^ 0x70617973, hours))
  const choose = createChooser(habits, random)
  for (const hour of hours) {
    signal?.throwIfAborted()
    for (const atMs of momentsOf(hour, random)) {
      const { listener, song } = choose(atMs)
      const kind = kinds[song.strategy]
      // A settlement and a patron's support are for all that an artist makes.
      const songId = kind === 'stream' || kind === 'patronage' ? null : song.songId
      yield [listener.address, song.artist, songId, kind, amountOf(kind, random), new Date(atMs)]
    }
  }
}

function amountOf(kind: Kind, random: Random): string {
  const [least, most] = amounts[kind]
  return (random.between(least, most) / 100).toFixed(2)
}
