// @ts-check
// Earnings that count up: what was paid, exactly, and since then an estimate at the rate of the last payout, which the next one replaces.

import { fill, h } from '/kit/dom.js'
import { formatTime } from '/kit/format.js'
import { formatTokens } from './money.js'

/**
 * @typedef {object} Earned
 * @property {bigint} paid
 * @property {bigint} perHour What the last run paid for an hour.
 * @property {string | null} since Until when is paid for. null: nothing was paid yet.
 */

const everyMs = 1_000
const hourMs = 3_600_000
/** Runs come five minutes after the hour. Without one for so long, nothing more is counted. */
const mostMs = hourMs + 10 * 60_000

/** @param {HTMLElement} host */
export function createCounter(host) {
  const whole = h('span')
  const fraction = h('small')
  const note = h('p', { class: 'tile-note' })
  fill(
    host,
    h('p', { class: 'tile-label' }, 'Earned by you and your friends'),
    h('p', { class: 'tile-value counter', 'data-counter': '' }, whole, fraction),
    note,
  )
  /** @type {Earned | undefined} */
  let earned
  const draw = () => {
    if (earned === undefined) return
    const { paid, perHour, since } = earned
    const estimate = estimateOf(earned, Date.now())
    const [units = '', decimals = ''] = formatTokens(paid + estimate, { decimals: 6 }).split('.')
    whole.textContent = units
    fraction.textContent = `.${decimals} tokens`
    const isCounting = since !== null && perHour > 0n
    note.textContent = isCounting
      ? `${formatTokens(paid, { decimals: 4 })} paid up to ${formatTime(since)}, estimated since`
      : 'Counts up as soon as a payout was made'
  }
  const timer = setInterval(draw, everyMs)
  return {
    /** @param {Earned} next */
    update: (next) => {
      earned = next
      draw()
    },
    close: () => clearInterval(timer),
  }
}

/** @param {Earned} earned @param {number} nowMs */
export function estimateOf({ perHour, since }, nowMs) {
  if (since === null) return 0n
  const passedMs = Math.min(mostMs, Math.max(0, nowMs - new Date(since).getTime()))
  return (perHour * BigInt(Math.round(passedMs))) / BigInt(hourMs)
}
