// What artists, songs and genres are called.

import type { Random } from 'pgstrata-example-kit'

/** The more popular ones first. */
export const genres: readonly string[] = [
  'Electronic',
  'Rock',
  'Hip-Hop',
  'Pop',
  'Ambient',
  'Jazz',
  'Folk',
  'Metal',
  'Soul',
  'Reggae',
  'Classical',
]
/** It has songs, and nobody plays them. */
export const quietGenre = 'Field Recordings'

const adjectives = ['Silent', 'Golden', 'Hollow', 'Electric', 'Northern', 'Paper', 'Velvet', 'Distant', 'Quiet', 'Wild']
const nouns = ['Mycelium', 'Harbour', 'Lantern', 'Orchard', 'Signal', 'Tide', 'Meadow', 'Circuit', 'Heron', 'Ember']
const groups = ['Ensemble', 'Collective', 'Trio', 'Choir', 'Society', 'Sound System', 'Quartet', 'Orchestra']
const verbs = ['Waiting for', 'Leaving', 'Under', 'Beyond', 'Letters to', 'Return to', 'Dreaming of', 'A Night in']
const places = ['the River', 'Lisbon', 'the Forest', 'Saturn', 'the Old Town', 'Kyoto', 'the Valley', 'Nowhere']

export function artistName(random: Random): string {
  const name = `${random.pick(adjectives)} ${random.pick(nouns)}`
  return random.chance(0.5) ? name : `The ${name} ${random.pick(groups)}`
}

export function songTitle(random: Random): string {
  if (random.chance(0.5)) return `${random.pick(verbs)} ${random.pick(places)}`
  return `${random.pick(adjectives)} ${random.pick(nouns)}, Pt. ${random.between(1, 4)}`
}

/** As of a wallet. */
export function createAddress(random: Random): string {
  let digits = ''
  for (let part = 0; part < 5; part++) digits += random.int(4_294_967_296).toString(16).padStart(8, '0')
  return `0x${digits}`
}
