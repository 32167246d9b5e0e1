// Which pages are asked for: a published mix, drawn by a seed. Deep ones are as likely as all others of their kind: drawn evenly over all pages.

import { createRandom } from '../../support/open-loop.ts'

export interface DrawnPage {
  readonly page: number
  readonly limit: number
  readonly filters: { readonly minValue?: number }
  /** The page behind it is asked for as well, by its cursor; both count as one request. */
  readonly isNext: boolean
}

interface Entry {
  readonly kind: string
  readonly percent: number
  readonly draw: (random: () => number, wallets: number) => Omit<DrawnPage, 'isNext'>
  readonly isNext?: boolean
}

const limit = 50
const anywhere = (random: () => number, wallets: number, share: number): number =>
  1 + Math.floor((random() * wallets * share) / limit)

/** Of the wallets, about that share has a balance of so much: by how the rows are made. */
const values: readonly { readonly minValue: number; readonly share: number }[] = [
  { minValue: 100, share: 0.95 },
  { minValue: 2_500, share: 0.6 },
  { minValue: 20_000, share: 0.25 },
  { minValue: 250_000, share: 0.03 },
]

function filtered(random: () => number): (typeof values)[number] {
  const chosen = values[Math.floor(random() * values.length)] ?? values[0]
  if (chosen === undefined) throw new Error('Expected values to filter by')
  return chosen
}

const entries: readonly Entry[] = [
  { kind: 'the first page', percent: 25, draw: () => ({ page: 1, limit, filters: {} }) },
  {
    kind: 'any page of all',
    percent: 25,
    draw: (random, wallets) => ({ page: anywhere(random, wallets, 1), limit, filters: {} }),
  },
  {
    kind: 'the first page above a value',
    percent: 20,
    draw: (random) => ({ page: 1, limit, filters: { minValue: filtered(random).minValue } }),
  },
  {
    kind: 'any page above a value',
    percent: 20,
    draw: (random, wallets) => {
      const { minValue, share } = filtered(random)
      return { page: anywhere(random, wallets, share), limit, filters: { minValue } }
    },
  },
  {
    kind: 'any page of all, and the one behind it by its cursor',
    percent: 10,
    draw: (random, wallets) => ({ page: anywhere(random, wallets, 1), limit, filters: {} }),
    isNext: true,
  },
]

/** For the notes. */
export const publishedPages: string = entries.map(({ kind, percent }) => `${kind} ${percent} %`).join(', ')

export function drawPages(wallets: number): () => DrawnPage {
  const random = createRandom(5)
  return () => {
    let left = random() * 100
    for (const { percent, draw, isNext = false } of entries) {
      left -= percent
      if (left < 0) return { ...draw(random, wallets), isNext }
    }
    throw new Error('Expected the mix of pages to be of 100 percent')
  }
}
