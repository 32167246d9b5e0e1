// @ts-check
// Money, quantities and shares as people read them. They come as decimal text and are shown from it; only what is drawn, or short, is a
// number.

import { formatAmount, formatCount, formatDigits } from '/kit/format.js'

const minus = '\u2212'

/**
 * '1234.5' → $1,234.50
 * @param {string | number} amount
 */
export function formatUsd(amount) {
  const text = formatAmount(amount)
  return text.startsWith(minus) ? `${minus}$${text.slice(1)}` : `$${text}`
}

/**
 * 1234567 → $1.23 M
 * @param {string | number} amount
 */
export function formatShortUsd(amount) {
  const value = Number(amount)
  return `${value < 0 ? minus : ''}$${formatCount(Math.abs(value))}`
}

/**
 * With its sign, so that its colour says nothing that is not said: +$12.50
 * @param {string | number} amount
 */
export function formatChange(amount) {
  const text = formatUsd(amount)
  return Number(amount) > 0 ? `+${text}` : text
}

/**
 * 0.1234 → +12.3 %
 * @param {number} share
 */
export function formatShareChange(share) {
  return `${share > 0 ? '+' : ''}${formatShare(share)}`
}

/**
 * 0.1234 → 12.3 %, 0.0012 → 0.12 %
 * @param {number} share
 */
export function formatShare(share) {
  const percent = Math.abs(share * 100)
  const digits = percent >= 100 ? 0 : percent >= 1 || percent === 0 ? 1 : 2
  return `${share < 0 ? minus : ''}${percent.toFixed(digits)}\u00A0%`
}

/** Prices are kept to so many digits behind the point; a threshold may have more. */
const priceDigits = 12
const leastPrice = 1e-12

/**
 * A price of a token: large ones to the cent, small ones to four digits that say something.
 * @param {string | number} price
 */
export function formatPrice(price) {
  const value = Number(price)
  if (value >= 100 || value === 0) return formatUsd(price)
  if (value > 0 && value < leastPrice) return `< $${leastPrice.toFixed(priceDigits)}`
  return `$${value >= 1 ? value.toFixed(4) : trim(value)}`
}

/**
 * Beside a chart: 892.6204 → $892.6, 0.0423379 → $0.04234
 * @param {number} price
 */
export function formatChartPrice(price) {
  return price >= 10_000 ? formatShortUsd(price) : `$${formatDigits(price, 4)}`
}

/** @param {number} value */
function trim(value) {
  const digits = Math.min(priceDigits, Math.max(4, 3 - Math.floor(Math.log10(value))))
  return value.toFixed(digits)
}

/**
 * '1500.250000000000000000' → 1.5 k, '0.000012' → 0.000012
 * @param {string} quantity
 */
export function formatQuantity(quantity) {
  const value = Number(quantity)
  if (value >= 1_000) return formatCount(value)
  return formatDigits(value, 4)
}

/** What became of a price; undefined: one of the two is not known. @param {string | null} before @param {string | null} now */
export function shareSince(before, now) {
  return now === null || before === null || Number(before) === 0 ? undefined : Number(now) / Number(before) - 1
}

/** The class that colours a change. @param {string | number} amount */
export function toneOf(amount) {
  const value = Number(amount)
  return value > 0 ? 'positive' : value < 0 ? 'negative' : ''
}

const chains = /** @type {Record<number, string>} */ ({
  1: 'Ethereum',
  10: 'Optimism',
  56: 'BNB Chain',
  137: 'Polygon',
  8453: 'Base',
  42_161: 'Arbitrum',
  43_114: 'Avalanche',
})

/** @param {number} chainId */
export function nameOfChain(chainId) {
  return chains[chainId] ?? `Chain ${chainId}`
}

/** 0x12345678…abcdef @param {string} address */
export function shorten(address) {
  return address.length <= 18 ? address : `${address.slice(0, 10)}…${address.slice(-6)}`
}

/** What a wallet is called. @param {{ label?: string | null, address: string }} wallet */
export function nameOfWallet({ label, address }) {
  return label ?? shorten(address)
}
