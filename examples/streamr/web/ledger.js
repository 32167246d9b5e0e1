// @ts-check
// What an account was given and paid, the newest first, and what that comes to.

import { createCard } from '/kit/card.js'
import { h } from '/kit/dom.js'
import { formatTime } from '/kit/format.js'
import { createPagedList } from '/kit/paged-list.js'
import { formatTokens } from './money.js'
import { pathOf } from '/kit/reading.js'

/** @typedef {{ entry_id: string, run_id: string, amount: string, created_at: string }} Entry */

/** @param {{ account: string, hint: string, look?: string }} options `account`: 'node:…' or 'stream:…' */
export function createLedger({ account, hint, look }) {
  const balance = h('span', { class: 'quiet' })
  const host = h('div')
  const list = createPagedList(host, {
    name: 'entries',
    path: () => pathOf`/ledger/${account}?limit=10`,
    keyOf: (/** @type {Entry} */ { entry_id }) => entry_id,
    row: drawEntry,
    label: 'Entries of the ledger',
    empty: { title: 'Nothing was paid yet', hint },
    more: 'Show older entries',
    onAnswer: ({ balance: sum }) => {
      balance.textContent = `Balance ${formatTokens(sum, { decimals: 4, unit: 'tokens' })}`
    },
  })
  const element = createCard({ title: 'Ledger', aside: balance, look }, host)
  return { element, refresh: list.refresh, close: list.close }
}

/** @param {Entry} entry */
function drawEntry({ run_id, amount, created_at }) {
  const isGiven = !amount.startsWith('-')
  return {
    element: h(
      'li',
      null,
      h(
        'span',
        { class: 'row-main' },
        h('span', null, `Payout ${run_id}`),
        h('span', { class: 'row-note' }, ` · ${formatTime(created_at)}`),
      ),
      h(
        'span',
        { class: `row-number${isGiven ? ' positive' : ''}` },
        `${isGiven ? '+' : ''}${formatTokens(amount, { decimals: 6 })}`,
      ),
    ),
  }
}
