// @ts-check
// The tokens with their newest prices, which move as they come; and how those that are shown go together.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createCorrelations } from './correlations.js'
import { formatPrice, formatShareChange, nameOfChain, shareSince, toneOf } from './money.js'

/**
 * @typedef {object} Token
 * @property {string} id
 * @property {string} symbol
 * @property {string} name
 * @property {number} chainId
 * @property {string | null} priceUsd
 * @property {string | null} recordedAt
 * @property {string | null} dayAgoUsd The close of the hour 24 hours ago.
 */

/** Beside each other on a desk; on a phone the table scrolls by itself. */
const mostCompared = 12

/** @returns {import('./page.js').View} */
export function createMarketView() {
  const correlations = createCompared()
  const tokens = createTokens(correlations.compare)
  const refreshList = createSoon(tokens.refresh, 2_000)
  return {
    title: 'Market',
    element: h(
      'div',
      { class: 'view' },
      h('h1', null, 'Market'),
      h('div', { class: 'grid' }, tokens.element, correlations.element),
    ),
    refresh: () => {
      refreshList()
      correlations.refresh()
    },
    topics: () => [
      {
        topic: { table: 'PriceSnapshot' },
        onChange: ({ kind, key, row }) => {
          const { tokenId, recordedAt } = key ?? {}
          const priceUsd = row?.['priceUsd']
          if (kind !== 'insert' || recordedAt == null || priceUsd == null) return refreshList()
          tokens.change((items) =>
            items.map((item) =>
              item.id === tokenId && isNewer(recordedAt, item) ? { ...item, priceUsd, recordedAt } : item,
            ),
          )
        },
      },
    ],
    close: () => {
      refreshList.cancel()
      tokens.close()
      correlations.close()
    },
  }
}

/** How the first ones of the list go together. */
function createCompared() {
  /** undefined: the list is not there yet. @type {readonly Token[] | undefined} */
  let compared
  const correlations = createCorrelations({ look: 'span-7 side', tokens: () => compared ?? [] })
  return {
    element: correlations.element,
    /** @param {readonly Token[]} tokens The list, as it is now. */
    compare: (tokens) => {
      const shown = tokens.slice(0, mostCompared)
      const isSame = shown.every(({ id }, at) => id === compared?.[at]?.id)
      if (isSame && shown.length === compared?.length) return
      compared = shown
      void correlations.refresh()
    },
    refresh: () => {
      if (compared !== undefined) void correlations.refresh()
    },
    close: correlations.close,
  }
}

/** The list, found by how a symbol or a name begins. @param {(tokens: readonly Token[]) => void} onTokens */
function createTokens(onTokens) {
  let prefix = ''
  const host = h('div', { id: 'tokens' })
  const list = createPagedList(host, {
    name: 'tokens',
    path: () => pathOf`/tokens?limit=12&prefix=${prefix}`,
    keyOf: (/** @type {Token} */ { id }) => id,
    row: createRow,
    label: 'Tokens',
    empty: {
      title: 'No tokens',
      hint: 'None begins like that. Where there are none at all, they stand here with their first price.',
    },
    more: 'Show more tokens',
    rows: 8,
    onAnswer: ({ tokens }) => onTokens(tokens),
  })
  const find = createSoon(list.begin, 250)
  const search = h('input', {
    class: 'input',
    type: 'search',
    placeholder: 'Symbol or name',
    'aria-label': 'Find a token',
    maxlength: 40,
    on: {
      input: () => {
        prefix = search.value.trim()
        find()
      },
    },
  })
  return {
    element: createCard({ title: 'Tokens', look: 'span-5 side' }, h('div', { class: 'filter' }, search), host),
    refresh: list.refresh,
    change: list.change,
    close: () => {
      find.cancel()
      list.close()
    },
  }
}

/** Prices of earlier times come, too. @param {string} recordedAt @param {Token} token */
function isNewer(recordedAt, token) {
  return token.recordedAt === null || new Date(recordedAt) >= new Date(token.recordedAt)
}

/** @param {Token} token */
function createRow({ id, symbol, name, chainId }) {
  const price = h('span')
  const change = h('small')
  const ago = h('span')
  let shown = ''
  const number = h('span', { class: 'row-number' }, price, change)
  return {
    element: h(
      'li',
      { 'data-token': id },
      h(
        'span',
        { class: 'row-main' },
        h('a', { class: 'row-name', href: pathOf`#/tokens/${id}` }, symbol),
        h('span', { class: 'row-note row-cut' }, `${name} · ${nameOfChain(chainId)} · `, ago),
      ),
      number,
    ),
    /** @param {Token} token */
    set: ({ priceUsd, recordedAt, dayAgoUsd }) => {
      const text = priceUsd === null ? '–' : formatPrice(priceUsd)
      price.textContent = text
      fill(ago, createAgo(recordedAt, 'no price yet'))
      const share = shareSince(dayAgoUsd, priceUsd)
      change.className = share === undefined ? '' : toneOf(share)
      change.textContent = share === undefined ? 'no day ago' : formatShareChange(share)
      if (shown !== '' && shown !== text) flash(number)
      shown = text
    },
  }
}

/** So that the eye finds what moved. @param {HTMLElement} element */
function flash(element) {
  element.classList.remove('flash')
  // The same animation begins anew only when it was away in between.
  void element.offsetWidth
  element.classList.add('flash')
}
