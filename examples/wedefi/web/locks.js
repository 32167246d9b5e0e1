// @ts-check
// What a wallet has locked for votes, and for how long.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { formatDate } from '/kit/format.js'
import { createKeyed } from '/kit/paged-list.js'
import { pathOf, read } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { formatQuantity } from './money.js'

/**
 * @typedef {object} Lock
 * @property {string} id
 * @property {string} protocol
 * @property {string} amount
 * @property {string} votingPower
 * @property {string} lockedAt
 * @property {string} unlocksAt
 * @property {{ symbol: string }} token
 */

/** @param {string} walletId */
export function createLocks(walletId) {
  const host = h('div', { id: 'locks' })
  const list = h('ul', { class: 'rows', 'aria-label': 'Governance locks' })
  const keyed = createKeyed(list, { keyOf: (/** @type {Lock} */ { id }) => id, row: createRow })
  const state = createState(host, {
    load: async (signal) => await orNothing(read(pathOf`/governance/${walletId}`, signal)),
    isEmpty: (answer) => answer === undefined || answer.locks.length === 0,
    empty: { title: 'Nothing is locked', hint: 'Tokens that are locked for votes stand here until they are free.' },
    render: ({ locks }, body) => {
      if (!body.contains(list)) fill(body, list)
      keyed.update(locks)
    },
    rows: 3,
  })
  return {
    element: createCard({ title: 'Governance', note: 'locked for votes' }, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {Lock} lock */
function createRow({ protocol }) {
  const note = h('span', { class: 'row-note' })
  const bar = h('span', { class: 'bar-fill', style: { '--share': 0 } })
  const amount = h('span', { class: 'row-number' })
  return {
    element: h(
      'li',
      { class: 'lock' },
      h('span', { class: 'row-main' }, h('span', { class: 'row-name' }, protocol), note),
      amount,
      h('span', { class: 'bar-track lock-track', 'aria-hidden': 'true' }, bar),
    ),
    /** @param {Lock} lock */
    set: (lock) => {
      const [from, until] = [lock.lockedAt, lock.unlocksAt].map((time) => new Date(time).getTime())
      const passed = (Date.now() - (from ?? 0)) / Math.max(1, (until ?? 0) - (from ?? 0))
      const isFree = passed >= 1
      note.textContent = isFree ? `free since ${formatDate(lock.unlocksAt)}` : `until ${formatDate(lock.unlocksAt)}`
      bar.style.setProperty('--share', String(Math.min(1, Math.max(0, passed))))
      fill(
        amount,
        `${formatQuantity(lock.amount)} ${lock.token.symbol}`,
        h('small', null, `${formatQuantity(lock.votingPower)} votes`),
      )
    },
  }
}
