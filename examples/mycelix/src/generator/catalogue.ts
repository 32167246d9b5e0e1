// Who makes music and who listens: made from a seed, or read from a database that has them.
//
// Promises: the same seed, sizes and moment give the same artists, songs and listeners. A few artists have no songs, and a genre has songs
// that nobody plays. Everybody has been there before what is played of them.

import { createRandom, createWeighted, createZipf, type CopyRow, type Random } from 'pgstrata-example-kit'
import { sql, type Queryable } from 'pgstrata'
import { strategies, type Strategy } from '../strategies.ts'
import { artistName, createAddress, genres, quietGenre, songTitle } from './names.ts'
import type { Sizes } from './sizes.ts'
import { beginningOf, dayMs } from './rhythm.ts'

export interface Song {
  readonly songId: string
  readonly artist: string
  readonly genre: string
  readonly strategy: Strategy
  readonly createdMs: number
}

export interface Listener {
  readonly address: string
  readonly createdMs: number
}

export interface Catalogue {
  readonly songs: readonly Song[]
  readonly listeners: readonly Listener[]
}

export interface CatalogueRows {
  readonly artists: readonly CopyRow[]
  readonly songs: readonly CopyRow[]
  readonly listeners: readonly CopyRow[]
}

export const columnsOf: Readonly<Record<keyof CatalogueRows, readonly string[]>> = {
  artists: ['artist_address', 'artist_name', 'created_at'],
  songs: ['song_id', 'title', 'artist_address', 'genre', 'strategy', 'created_at'],
  listeners: ['listener_address', 'created_at'],
}

export interface MakeOptions {
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
  /** As many as there are songs. */
  readonly songIds: readonly string[]
}

interface Artist {
  readonly address: string
  readonly genre: string
  readonly strategy: Strategy
  readonly createdMs: number
}

const quietShare = 0.01
const songlessShare = 0.02

export function makeCatalogue({
  sizes,
  seed,
  now,
  songIds,
}: MakeOptions): Catalogue & { readonly rows: CatalogueRows } {
  const random = createRandom(seed ^ 0x6d796365)
  const fromMs = beginningOf(now, sizes.days)
  const artists = makeArtists(random.fork(), sizes.artists, fromMs)
  const titles = random.fork()
  const songs = makeSongs(random.fork(), { sizes, fromMs, songIds, artists })
  const listeners = makeListeners(random.fork(), sizes.listeners, fromMs)
  const names = random.fork()
  return {
    songs,
    listeners,
    rows: {
      artists: artists.map(({ address, createdMs }) => [address, artistName(names), new Date(createdMs)]),
      songs: songs.map(({ songId, artist, genre, strategy, createdMs }) => [
        songId,
        songTitle(titles),
        artist,
        genre,
        strategy,
        new Date(createdMs),
      ]),
      listeners: listeners.map(({ address, createdMs }) => [address, new Date(createdMs)]),
    },
  }
}

function makeArtists(random: Random, count: number, fromMs: number): readonly Artist[] {
  const genre = createZipf({ size: genres.length, exponent: 0.8, random })
  const strategy = createWeighted([55, 20, 15, 10], random)
  return Array.from({ length: count }, () => ({
    address: createAddress(random),
    genre: genres[genre()] ?? quietGenre,
    strategy: strategies[strategy()] ?? 'pay-per-stream',
    createdMs: fromMs - random.between(1, 600) * dayMs + random.int(dayMs),
  }))
}

interface SongsOptions {
  readonly sizes: Sizes
  readonly fromMs: number
  readonly songIds: readonly string[]
  readonly artists: readonly Artist[]
}

/** One for each artist who has any, then more for those who have many. */
function makeSongs(random: Random, { sizes, fromMs, songIds, artists }: SongsOptions): readonly Song[] {
  const makers = artists.slice(0, Math.min(sizes.songs, Math.max(1, Math.floor(artists.length * (1 - songlessShare)))))
  const maker = createZipf({ size: makers.length, exponent: 0.6, random })
  const quiet = Math.max(2, Math.round(sizes.songs * quietShare))
  return Array.from({ length: sizes.songs }, (_, index) => {
    const artist = makers[index < makers.length ? index : maker()] as Artist
    const isQuiet = index >= sizes.songs - quiet
    const genre = random.chance(0.85) ? artist.genre : random.pick(genres)
    return {
      songId: songIds[index] as string,
      artist: artist.address,
      genre: isQuiet ? quietGenre : genre,
      strategy: random.chance(0.8) ? artist.strategy : random.pick(strategies),
      createdMs: random.chance(0.6)
        ? artist.createdMs + random.int(Math.max(1, fromMs - artist.createdMs))
        : fromMs + random.int(sizes.days * dayMs),
    }
  })
}

function makeListeners(random: Random, count: number, fromMs: number): readonly Listener[] {
  return Array.from({ length: count }, () => ({
    address: createAddress(random),
    createdMs: random.chance(0.6) ? fromMs - random.between(1, 500 * 86_400) * 1_000 : fromMs + random.int(330 * dayMs),
  }))
}

/** What a database has, in an order that does not change. */
export async function readCatalogue(on: Queryable): Promise<Catalogue> {
  const songs = await on.query<Song>(sql`
    select song_id::text as "songId", artist_address as artist, genre, strategy,
      (extract(epoch from created_at) * 1000)::float8 as "createdMs"
    from songs
    order by songs.song_id`)
  const listeners = await on.query<Listener>(sql`
    select listener_address as address, (extract(epoch from created_at) * 1000)::float8 as "createdMs"
    from listeners
    order by listener_address collate "C"`)
  return { songs: songs.rows, listeners: listeners.rows }
}
