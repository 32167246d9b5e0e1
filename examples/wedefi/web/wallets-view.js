// @ts-check
// All wallets, in the order in which they came: what each is worth, those with a balance of some value alone; and the largest ones, as they are now.

import { createCard } from '/kit/card.js'
import { createBars } from '/kit/chart-bars.js'
import { fill, h } from '/kit/dom.js'
import { formatDate, formatNumber } from '/kit/format.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, read } from '/kit/reading.js'
import { createSegments } from '/kit/segments.js'
import { createSoon } from '/kit/soon.js'
import { createState } from '/kit/state.js'
import { createTile } from '/kit/tiles.js'
import { formatShortUsd, formatUsd, nameOfChain, nameOfWallet, shorten } from './money.js'

/**
 * @typedef {object} Wallet
 * @property {string} id
 * @property {string} address
 * @property {string | null} label
 * @property {number} chainId
 * @property {string} createdAt
 * @property {string} totalUsd
 * @property {number} holdings How many balances are worth something.
 * @property {readonly { tokenId: string, usdValue: string, token: { symbol: string } }[]} balances The largest.
 */

/** Events may come a hundred times a second. */
const everyMs = 2_000

/** @returns {import('./page.js').View} */
export function createWalletsView() {
  const overview = createOverview()
  const wallets = createWallets()
  const refreshOverview = createSoon(overview.refresh, everyMs)
  const refreshWallets = createSoon(wallets.refresh, everyMs)
  const refresh = () => {
    refreshOverview()
    refreshWallets()
  }
  return {
    title: 'Wallets',
    element: h(
      'div',
      { class: 'view' },
      h('h1', null, 'Wallets'),
      overview.tiles,
      h('div', { class: 'grid' }, wallets.element, overview.element),
    ),
    refresh,
    topics: () => [
      { topic: { rollup: 'wallet_holdings' }, onChange: refresh },
      { topic: { top: 'wallet_holdings', orderBy: 'totalUsd', limit: 8 }, onList: refreshOverview },
    ],
    close: () => {
      refreshOverview.cancel()
      refreshWallets.cancel()
      overview.close()
      wallets.close()
    },
  }
}

function createOverview() {
  const [wallets, total, tokens, fired] = ['Wallets', 'Worth together', 'Tokens', 'Alerts that have fired'].map(
    createTile,
  )
  const numbers = h('div', { class: 'tiles' }, ...[wallets, total, tokens, fired].map((tile) => tile?.element))
  const tiles = h('section', { 'aria-label': 'In numbers', id: 'overview' })
  const host = h('div', { id: 'largest' })
  const bars = h('div')
  const chart = createBars(bars, { label: 'The largest portfolios', format: formatShortUsd })
  /** @type {Promise<any> | undefined} */
  let asked
  /** Both parts are of one answer. @param {AbortSignal} signal */
  const load = (signal) => {
    asked ??= read('/overview', signal).finally(() => (asked = undefined))
    return asked
  }
  const head = createState(tiles, {
    load,
    render: (answer, body) => {
      if (!body.contains(numbers)) fill(body, numbers)
      wallets?.set(formatNumber(answer.wallets), `${formatNumber(answer.holdings)} holdings`)
      total?.set(formatShortUsd(answer.totalUsd), 'by the newest prices')
      tokens?.set(formatNumber(answer.tokens), 'with prices of their own')
      fired?.set(formatNumber(answer.alertsFired), `of ${formatNumber(answer.alerts)}`)
    },
    skeleton: 'tiles',
    rows: 4,
  })
  const list = createState(host, {
    load,
    isEmpty: ({ largest }) => largest.length === 0,
    render: ({ largest }, body) => {
      if (!body.contains(bars)) fill(body, bars)
      chart.update(
        largest.map((/** @type {any} */ wallet) => ({
          key: wallet.id,
          label: nameOfWallet(wallet),
          value: Number(wallet.totalUsd),
          note: `${wallet.holdings} ${wallet.holdings === 1 ? 'holding' : 'holdings'}`,
          href: pathOf`#/wallets/${wallet.id}`,
        })),
      )
    },
    empty: { title: 'No portfolios yet', hint: 'The eight that are worth most stand here.' },
    rows: 8,
  })
  return {
    tiles,
    element: createCard({ title: 'Largest', note: 'as they are now', look: 'span-5 side' }, host),
    refresh: async () => void (await Promise.all([head.refresh(), list.refresh()])),
    close: () => {
      head.close()
      list.close()
    },
  }
}

const filters = /** @type {const} */ ([
  ['0', 'All'],
  ['1000', '$1 k'],
  ['10000', '$10 k'],
  ['100000', '$100 k'],
  ['1000000', '$1 M'],
])

function createWallets() {
  let minValue = '0'
  const host = h('div', { id: 'wallets' })
  const count = h('span', { class: 'quiet', id: 'wallets-count' })
  const list = createPagedList(host, {
    name: 'data',
    path: () => pathOf`/portfolios?limit=12&minValue=${minValue}`,
    keyOf: (/** @type {Wallet} */ { id }) => id,
    row: createRow,
    label: 'Wallets',
    empty: {
      title: 'No wallets',
      hint: 'None has a balance of that value. Where there are none at all, they stand here as they come.',
    },
    more: 'Show more wallets',
    rows: 8,
    onAnswer: ({ pagination }) => {
      count.textContent = `${formatNumber(pagination.total)} ${pagination.total === 1 ? 'wallet' : 'wallets'}`
    },
  })
  const segments = createSegments({
    label: 'With a balance of at least',
    choices: filters,
    onChoose: (chosen) => {
      minValue = chosen
      void list.begin()
    },
  })
  return {
    element: createCard(
      { title: 'By age', aside: count, look: 'span-7' },
      h('div', { class: 'filter' }, h('span', { class: 'quiet' }, 'With a balance of at least'), segments),
      host,
    ),
    refresh: list.refresh,
    close: list.close,
  }
}

/** @param {Wallet} wallet */
function createRow(wallet) {
  const { id, address, chainId, createdAt } = wallet
  const note = h('span', { class: 'row-note row-cut' })
  const total = h('span', { class: 'row-number' })
  return {
    element: h(
      'li',
      { 'data-wallet': id },
      h(
        'span',
        { class: 'row-main' },
        h('a', { class: 'row-name', href: pathOf`#/wallets/${id}`, title: address }, nameOfWallet(wallet)),
        note,
      ),
      total,
    ),
    /** @param {Wallet} next */
    set: ({ label, totalUsd, holdings, balances }) => {
      const largest = balances
        .slice(0, 3)
        .map(({ token }) => token.symbol)
        .join(', ')
      const named = label === null ? '' : `${shorten(address)} · `
      note.textContent = `${named}${nameOfChain(chainId)} · since ${formatDate(createdAt)}${largest === '' ? '' : ` · ${largest}`}`
      fill(total, formatUsd(totalUsd), h('small', null, `${holdings} ${holdings === 1 ? 'holding' : 'holdings'}`))
    },
  }
}
