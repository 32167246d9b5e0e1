// @ts-check
// What a wallet holds, one's own or any other: it stands on the chains.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { formatAmount } from '/kit/format.js'
import { pathOf, read } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { shortAddress } from './session-words.js'

/** @typedef {{ token: string, amount: string, updated_at: string }} Balance */

/** Digits behind the point of a whole token, and how many of them are shown. @type {Record<string, number>} */
const decimals = { USDC: 6, USDT: 6, WBTC: 8 }
const usualDecimals = 18
const shownDecimals = 4

/** @param {string} own */
export function createHoldings(own) {
  const host = h('div', { id: 'balances' })
  let of = own
  const input = h('input', {
    class: 'input address',
    name: 'address',
    pattern: '0x[0-9a-fA-F]{40}',
    title: '0x and 40 digits',
    placeholder: 'Another wallet: 0x…',
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-label': 'Another wallet',
  })
  const whose = h('span', { class: 'quiet' }, 'yours')
  const form = h('form', { class: 'lookup' }, input, h('button', { class: 'button', type: 'submit' }, 'Look'))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    of = input.value.trim() === '' ? own : input.value.trim().toLowerCase()
    fill(whose, of === own ? 'yours' : shortAddress(of))
    void state.refresh()
  })
  const state = createState(host, {
    load: async (signal) => /** @type {Balance[]} */ ((await read(pathOf`/balances/${of}`, signal)).balances),
    isEmpty: (balances) => balances.length === 0,
    render: (balances, body) =>
      fill(body, h('ul', { class: 'rows', 'aria-label': 'Balances' }, ...balances.map(rowOf))),
    empty: { title: 'Nothing is known of it', hint: 'Balances are written by those who read them off the chains.' },
    rows: 4,
  })
  return {
    element: createCard({ title: 'Balances', aside: whose, look: 'span-6' }, form, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {Balance} balance */
function rowOf({ token, amount, updated_at }) {
  return h(
    'li',
    null,
    h('div', { class: 'row-main' }, h('b', null, token), ' ', h('span', { class: 'row-note' }, createAgo(updated_at))),
    h(
      'span',
      { class: 'row-number', title: amount },
      formatAmount(wholeOf(amount, decimals[token] ?? usualDecimals), { decimals: shownDecimals }),
    ),
  )
}

/** '1234500', 6 → '1.234500': every digit stays. @param {string} amount @param {number} digits */
function wholeOf(amount, digits) {
  const padded = amount.padStart(digits + 1, '0')
  return `${padded.slice(0, -digits)}.${padded.slice(-digits)}`
}
