// What is asked of the service: a published mix of its endpoints. Songs, artists and listeners are those of plays that are drawn evenly, by
// a seed, so each comes in proportion to its plays: typical requests, neither the best nor the worst.

import type pg from 'pg'
import type { LoadRequest } from '../../support/http-load.ts'
import { createRandom } from '../../support/open-loop.ts'
import { withClient } from '../../support/with-client.ts'

/** Of a play. */
export interface PlayKey {
  readonly song: string
  readonly artist: string
  readonly listener: string
  readonly genre: string
}

interface Drawn extends PlayKey {
  /** What somebody types who looks for that artist. */
  readonly word: string
}

interface Entry {
  readonly kind: string
  readonly percent: number
  readonly make: (drawn: Drawn) => Omit<LoadRequest, 'kind'>
}

const entries: readonly Entry[] = [
  { kind: '/platform', percent: 12, make: () => ({ path: '/platform' }) },
  { kind: '/songs/trending', percent: 12, make: () => ({ path: '/songs/trending' }) },
  {
    kind: '/songs/trending?genre',
    percent: 4,
    make: ({ genre }) => ({ path: `/songs/trending?genre=${encodeURIComponent(genre)}` }),
  },
  { kind: '/songs/top', percent: 8, make: () => ({ path: '/songs/top' }) },
  { kind: '/genres', percent: 5, make: () => ({ path: '/genres' }) },
  { kind: '/genres/shares', percent: 3, make: () => ({ path: '/genres/shares' }) },
  { kind: '/artists/:address', percent: 14, make: ({ artist }) => ({ path: `/artists/${artist}` }) },
  { kind: '/artists/:address/dashboard', percent: 8, make: ({ artist }) => ({ path: `/artists/${artist}/dashboard` }) },
  { kind: '/artists/:address/earnings', percent: 5, make: ({ artist }) => ({ path: `/artists/${artist}/earnings` }) },
  { kind: '/artists', percent: 3, make: ({ word }) => ({ path: `/artists?search=${encodeURIComponent(word)}` }) },
  { kind: '/songs/:song_id', percent: 10, make: ({ song }) => ({ path: `/songs/${song}` }) },
  { kind: '/songs', percent: 4, make: ({ artist }) => ({ path: `/songs?artist=${artist}` }) },
  { kind: '/listeners/:address', percent: 4, make: ({ listener }) => ({ path: `/listeners/${listener}` }) },
  { kind: '/listeners/:address/plays', percent: 5, make: ({ listener }) => ({ path: `/listeners/${listener}/plays` }) },
  { kind: '/listeners', percent: 1, make: () => ({ path: '/listeners' }) },
  {
    kind: 'POST /plays',
    percent: 2,
    make: ({ song, listener }) => ({
      method: 'POST',
      path: '/plays',
      body: JSON.stringify({ song_id: Number(song), listener_address: listener, duration_s: 187, amount: '0.01' }),
    }),
  },
]

/** For the notes. */
export const publishedMix: string = entries.map(({ kind, percent }) => `${kind} ${percent} %`).join(', ')

interface Drawing {
  readonly plays: number
  readonly drawn: number
}

/** About `drawn` of the plays, each as likely as any other, in no order. */
export async function drawKeys(url: string, { plays, drawn }: Drawing): Promise<readonly PlayKey[]> {
  const { rows } = await withClient(url, async (client) => {
    return await client.query<PlayKey>(`
      select song_id::text as song, artist_address as artist, listener_address as listener, genre
      from plays tablesample bernoulli (${(100 * drawn) / plays}) repeatable (7)
      order by md5(play_id::text)`)
  })
  return rows
}

export async function drawRequests(
  url: string,
  { keys, count }: { readonly keys: readonly PlayKey[]; readonly count: number },
): Promise<readonly LoadRequest[]> {
  const words = await withClient(url, readWords)
  const random = createRandom(7)
  return Array.from({ length: count }, () => {
    const { kind, make } = entryAt(random() * 100)
    const play = keys[Math.floor(random() * keys.length)]
    if (play === undefined) throw new Error('Expected plays to draw from, and got none')
    return { kind, ...make({ ...play, word: words.get(play.artist) ?? '' }) }
  })
}

function entryAt(place: number): Entry {
  let left = place
  for (const entry of entries) {
    left -= entry.percent
    if (left < 0) return entry
  }
  throw new Error('Expected the mix to be of 100 per cent, and it is of fewer')
}

/** By artist: the first word of the name. */
async function readWords(client: pg.Client): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ artist_address: string; word: string }>(
    "select artist_address, split_part(artist_name, ' ', 1) as word from artists",
  )
  return new Map(rows.map(({ artist_address, word }) => [artist_address, word]))
}
