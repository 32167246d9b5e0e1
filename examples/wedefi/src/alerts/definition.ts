// What an alert may be about, and what it takes to be one.
//
// It fires when its value is beyond the threshold (above or below it, not on it), and is armed again when the value is back at `rearm` or beyond.
// `rearm` is on the near side of the threshold or on it, so a value is never both; between the two nothing happens.

import { badInput } from 'pgstrata-example-kit'
import { timeframeNames } from '../risk/timeframes.ts'
import { riskFigures, type Direction, type Kind } from './kinds.ts'

const metricsOf: Readonly<Record<Kind, readonly string[]>> = {
  price: ['priceUsd'],
  portfolio: ['totalUsd', 'change24h'],
  risk: riskFigures.flatMap((figure) => timeframeNames.map((timeframe) => `${figure}:${timeframe}`)),
}

export interface Definition {
  readonly kind: Kind
  readonly metric: string
  readonly direction: Direction
  /** Decimals, exact. */
  readonly threshold: string
  readonly rearm: string
  readonly tokenId?: string | null | undefined
  readonly walletId?: string | null | undefined
}

/** As a decimal: no exponent, and as many digits as prices and totals have. */
export const decimalForm = '^-?\\d{1,26}(\\.\\d{1,18})?$'

export function checkDefinition(given: Definition): Definition {
  const { kind, metric } = given
  if (!metricsOf[kind].includes(metric)) {
    throw badInput({ where: 'body.metric', expected: `one of ${metricsOf[kind].join(', ')}` })
  }
  checkSubject(given)
  checkHysteresis(given)
  return given
}

function checkSubject({ kind, tokenId, walletId }: Definition): void {
  const hasToken = typeof tokenId === 'string'
  const hasWallet = typeof walletId === 'string'
  if (kind === 'price' && (!hasToken || hasWallet))
    throw badInput({ where: 'body.tokenId', expected: 'a token, and no wallet' })
  if (kind === 'portfolio' && (!hasWallet || hasToken)) {
    throw badInput({ where: 'body.walletId', expected: 'a wallet, and no token' })
  }
  if (kind === 'risk' && hasToken === hasWallet) {
    throw badInput({ where: 'body', expected: 'either tokenId or walletId' })
  }
}

export function checkHysteresis({
  direction,
  threshold,
  rearm,
}: Pick<Definition, 'direction' | 'threshold' | 'rearm'>): void {
  const order = compareDecimals(rearm, threshold)
  if (direction === 'above' ? order <= 0 : order >= 0) return
  const side = direction === 'above' ? 'at most' : 'at least'
  throw badInput({ where: 'body.rearm', expected: `${side} the threshold, for an alert that fires ${direction} it` })
}

const places = 18

/** Of what has `decimalForm`; negative where the first is less. */
export function compareDecimals(one: string, other: string): number {
  const difference = scaled(one) - scaled(other)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

function scaled(text: string): bigint {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  return BigInt(`${sign}${whole}${fraction.padEnd(places, '0').slice(0, places)}`)
}
