// Wallets and whose they are, as a seed gives them.
//
// Promises: the same seed, sizes and moment give the same wallets. The list is in the order of how much a wallet is used: the first ones take
// part in hundreds of sessions, most in a few. A handful are suspended or banned, and none of the demonstration's.

import { createRandom, type Random } from 'pgstrata-example-kit'
import type { Sizes } from './sizes.ts'
import { bios, firstNames, lastNames } from './words.ts'

export interface Person {
  readonly address: string
  readonly name: string | null
  readonly bio: string | null
  readonly createdAt: number
  readonly status: 'active' | 'suspended' | 'banned'
}

export interface NamedWallet {
  readonly address: string
  readonly name: string
}

export interface PeopleOptions {
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
  /** Wallets that are there besides, in the midst of the others. */
  readonly named: readonly NamedWallet[]
}

const dayMs = 86_400_000
/** Those who came before the first session, and those who came since, in equal parts. */
const daysBefore = 270

export function createPeople({ sizes, seed, now, named }: PeopleOptions): readonly Person[] {
  const random = createRandom(seed ^ 0x70656f70)
  const first = now.getTime() - sizes.days * dayMs
  const people = Array.from({ length: sizes.users }, (_, index): Person => {
    // Whoever is used most was there before the first session.
    const isEarly = index < sizes.users / 2
    const span = isEarly ? daysBefore * dayMs : sizes.days * dayMs
    const createdAt = (isEarly ? first - span : first) + Math.floor(random.next() ** 0.7 * span)
    return {
      address: hexOf(random, 40),
      name: random.chance(0.8) ? `${random.pick(firstNames)} ${random.pick(lastNames)}` : null,
      bio: random.chance(0.3) ? random.pick(bios) : null,
      createdAt,
      status: random.chance(0.013) ? random.pick(['suspended', 'suspended', 'suspended', 'banned']) : 'active',
    }
  })
  const places = named.map((wallet, index): Person => {
    return { ...wallet, bio: random.pick(bios), createdAt: first - (index + 1) * dayMs, status: 'active' }
  })
  const before = Math.min(people.length, 100)
  return [...people.slice(0, before), ...places, ...people.slice(before)]
}

export function hexOf(random: Random, digits: number): string {
  let text = '0x'
  for (let digit = 0; digit < digits; digit++) text += random.int(16).toString(16)
  return text
}
