// @ts-check
// Amounts come as whole numbers of the smallest unit, as text. They stay exact: BigInt to reckon, digits to show.

import { formatAmount } from '/kit/format.js'

/** Of the smallest unit in a token: ten to the eighteenth. */
const digits = 18

/**
 * '1234500000000000000' → 1.23 tokens
 * @param {string | bigint} amount
 * @param {{ decimals?: number, unit?: string }} [options]
 */
export function formatTokens(amount, { decimals = 2, unit = '' } = {}) {
  const text = String(amount)
  const sign = text.startsWith('-') ? '-' : ''
  const padded = text.slice(sign.length).padStart(digits + 1, '0')
  return formatAmount(`${sign}${padded.slice(0, -digits)}.${padded.slice(-digits)}`, { decimals, unit })
}

/** For the length of a bar, never to reckon with. @param {string | bigint} amount */
export function tokensOf(amount) {
  return Number(amount) / 10 ** digits
}

/** Back again, for what stands beside the bar: to a millionth of a token. @param {number} tokens */
export function amountOf(tokens) {
  return BigInt(Math.round(tokens * 1e6)) * 10n ** BigInt(digits - 6)
}
