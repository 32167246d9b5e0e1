// Which listener plays which song: few songs have most of the plays, and everybody has favourites.
//
// Promises: popularity is a power law (exponent 1.05) over the songs that are played at all; a listener's favourites come from the same law,
// and the first of them is played most. The same catalogue and seed give the same habits.

import { createRandom, createZipf, type Random } from 'pgstrata-example-kit'
import type { Catalogue, Listener, Song } from './catalogue.ts'
import { quietGenre } from './names.ts'

/** Both in the order of how often they are met. */
export interface Habits {
  readonly songs: readonly Song[]
  readonly listeners: readonly Listener[]
  /** Of each listener, one after the other: places in `songs`. */
  readonly favourites: Uint16Array | Uint32Array
}

export interface Choice {
  readonly listener: Listener
  readonly song: Song
}

const favouritesEach = 30
const favouriteShare = 0.7
const songExponent = 1.05
const listenerExponent = 0.7
/** So many are never met: the rest of them has nothing to show. */
const silentShare = 0.02
const tries = 8

export function createHabits({ songs, listeners }: Catalogue, seed: number): Habits {
  const random = createRandom(seed ^ 0x68616269)
  const played = shuffle(random, songs).filter(({ genre }) => genre !== quietGenre)
  const listening = shuffle(random, listeners)
  const [most, many] = [heard(played), heard(listening)]
  const song = createZipf({ size: most.length, exponent: songExponent, random })
  const size = many.length * favouritesEach
  const favourites = most.length <= 65_536 ? new Uint16Array(size) : new Uint32Array(size)
  for (let index = 0; index < size; index++) favourites[index] = song()
  return { songs: most, listeners: many, favourites }
}

/** Draws from `random` alone: two of them do not disturb each other. */
export function createChooser({ songs, listeners, favourites }: Habits, random: Random): (atMs: number) => Choice {
  const anySong = createZipf({ size: songs.length, exponent: songExponent, random })
  const anyListener = createZipf({ size: listeners.length, exponent: listenerExponent, random })
  const songOf = (listener: number): number => {
    if (random.next() >= favouriteShare) return anySong()
    const near = random.next()
    return favourites[listener * favouritesEach + Math.floor(near * near * favouritesEach)] ?? 0
  }
  return (atMs) => {
    let listener = anyListener()
    for (let tried = 0; !isThere(listeners[listener], atMs) && tried < tries; tried++) listener = anyListener()
    if (!isThere(listeners[listener], atMs)) listener = oldestOf(listeners)
    let song = songOf(listener)
    for (let tried = 0; !isThere(songs[song], atMs) && tried < tries; tried++) song = anySong()
    if (!isThere(songs[song], atMs)) song = oldestOf(songs)
    return { listener: listeners[listener] as Listener, song: songs[song] as Song }
  }
}

function isThere(one: { readonly createdMs: number } | undefined, atMs: number): boolean {
  return one !== undefined && one.createdMs <= atMs
}

function oldestOf(list: readonly { readonly createdMs: number }[]): number {
  let oldest = 0
  for (let index = 1; index < list.length; index++) {
    if ((list[index]?.createdMs ?? 0) < (list[oldest]?.createdMs ?? 0)) oldest = index
  }
  return oldest
}

function heard<T>(list: readonly T[]): readonly T[] {
  return list.slice(0, Math.max(1, Math.floor(list.length * (1 - silentShare))))
}

function shuffle<T>(random: Random, list: readonly T[]): readonly T[] {
  const shuffled = [...list]
  for (let index = shuffled.length - 1; index > 0; index--) {
    const other = random.int(index + 1)
    const moved = shuffled[index] as T
    shuffled[index] = shuffled[other] as T
    shuffled[other] = moved
  }
  return shuffled
}
