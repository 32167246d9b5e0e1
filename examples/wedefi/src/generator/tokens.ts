// Tokens, each with a price to begin with and how it moves: with the whole market, with others of its kind, and by itself.
//
// Promises: the same seed gives the same tokens, and a token is the same however many there are besides. The well-known ones come first.

import { createRandom, type Random } from 'pgstrata-example-kit'
import { addressOf, uuidOf } from './ids.ts'

/** What moves together. */
export const sectors = ['layer-1', 'exchange', 'lending', 'game', 'meme', 'stable'] as const
type Sector = (typeof sectors)[number]

export interface Token {
  readonly id: string
  readonly symbol: string
  readonly name: string
  readonly decimals: number
  readonly chainId: number
  readonly address: string
  readonly sector: Sector
  /** In US dollars, at the epoch of the market. */
  readonly firstPrice: number
  /** Standard deviations of the logarithm of a day's change, by where it comes from. */
  readonly moves: { readonly market: number; readonly sector: number; readonly own: number }
}

const wellKnown: readonly (readonly [symbol: string, name: string, sector: Sector, price: number, decimals: number])[] =
  [
    ['WETH', 'Wrapped Ether', 'layer-1', 2_300, 18],
    ['USDC', 'USD Coin', 'stable', 1, 6],
    ['WBTC', 'Wrapped Bitcoin', 'layer-1', 43_000, 8],
    ['USDT', 'Tether USD', 'stable', 1, 6],
    ['DAI', 'Dai Stablecoin', 'stable', 1, 18],
    ['UNI', 'Uniswap', 'exchange', 6.5, 18],
    ['AAVE', 'Aave', 'lending', 105, 18],
    ['LINK', 'Chainlink', 'layer-1', 15, 18],
    ['CRV', 'Curve DAO Token', 'exchange', 0.55, 18],
    ['COMP', 'Compound', 'lending', 55, 18],
    ['BAL', 'Balancer', 'exchange', 3.8, 18],
    ['MKR', 'Maker', 'lending', 1_700, 18],
    ['SNX', 'Synthetix', 'exchange', 3.6, 18],
    ['SHIB', 'Shiba Inu', 'meme', 0.0000103, 18],
    ['PEPE', 'Pepe', 'meme', 0.0000013, 18],
    ['AXS', 'Axie Infinity', 'game', 8.7, 18],
  ]

const beginnings = ['Astra', 'Boreal', 'Cinder', 'Delta', 'Ember', 'Fathom', 'Glacier', 'Harbor', 'Ionic', 'Juniper']
const endings = ['Finance', 'Swap', 'Protocol', 'Network', 'Yield', 'Vault', 'Lend', 'Arena', 'Coin', 'Chain']
const chains = [1, 10, 137, 8_453, 42_161]

export function makeTokens(count: number, seed: number): readonly Token[] {
  return Array.from({ length: count }, (_, index) =>
    makeToken(index, createRandom(seed ^ Math.imul(index + 1, 0x9e3779b1))),
  )
}

function makeToken(index: number, random: Random): Token {
  const id = uuidOf(random)
  const address = addressOf(random)
  const [symbol, name, sector, firstPrice, decimals] = wellKnown[index] ?? inventedOf(index, random)
  const chainId = index < wellKnown.length ? 1 : random.pick(chains)
  return { id, symbol, name, decimals, chainId, address, sector, firstPrice, moves: movesOf(sector, random) }
}

function inventedOf(index: number, random: Random): readonly [string, string, Sector, number, number] {
  const [one, other] = [random.pick(beginnings), random.pick(endings)]
  const symbol = `${one.slice(0, 2)}${other.slice(0, 1)}${index}`.toUpperCase()
  const sector = sectors[random.int(sectors.length - 1)] ?? 'layer-1'
  return [symbol, `${one} ${other}`, sector, 10 ** (random.next() * 5 - 3), 18]
}

function movesOf(sector: Sector, random: Random): Token['moves'] {
  if (sector === 'stable') return { market: 0, sector: 0.0002, own: 0.0003 }
  const wild = sector === 'meme' || sector === 'game' ? 1.6 : 1
  return {
    market: (0.015 + 0.015 * random.next()) * wild,
    sector: 0.012 * wild,
    own: (0.01 + 0.03 * random.next()) * wild,
  }
}
