// @ts-check
// What a portfolio is worth and of what it is made: numbers, shares as a ring, holdings as a table. All three are of one answer.

import { createCard } from '/kit/card.js'
import { createShares } from '/kit/chart-shares.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { formatPercent } from '/kit/format.js'
import { pathOf, read } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createTile } from '/kit/tiles.js'
import { formatQuantity, formatShortUsd, formatUsd } from './money.js'

/**
 * @typedef {object} Holding
 * @property {string} tokenId
 * @property {string} quantity
 * @property {string} usdValue
 * @property {{ symbol: string, name: string }} token
 */

const usdDigits = 8
const none = { title: 'There is no such wallet', hint: 'It was removed, or never was.' }

/** @param {{ walletId: string, onPortfolio: (portfolio: any) => void }} options */
export function createHoldings({ walletId, onPortfolio }) {
  const [tilesHost, ringHost, tableHost] = ['portfolio', 'allocation', 'holdings'].map((id) => h('div', { id }))
  if (tilesHost === undefined || ringHost === undefined || tableHost === undefined) throw new Error('Three places')
  /** @type {Promise<any> | undefined} */
  let asked
  /** @param {AbortSignal} signal */
  const load = (signal) => {
    asked ??= orNothing(read(pathOf`/portfolios/${walletId}`, signal))
      .then((portfolio) => portfolio && { ...portfolio, totalUsd: sumOf(portfolio.balances) })
      .finally(() => (asked = undefined))
    return asked
  }
  const tiles = createTiles(tilesHost, { load, onPortfolio })
  const ring = createRing(ringHost, load)
  const table = createTable(tableHost, load)
  const states = [tiles, ring, table]
  return {
    tiles: h('section', { 'aria-label': 'In numbers' }, tilesHost),
    allocation: createCard({ title: 'Allocation', look: 'span-5' }, ringHost),
    element: createCard({ title: 'Holdings', note: 'the largest first', look: 'span-7' }, tableHost),
    refresh: async () => void (await Promise.all(states.map((state) => state.refresh()))),
    close: () => states.forEach((state) => state.close()),
  }
}

/** Exact: in the smallest unit that dollars are kept with. @param {readonly Holding[]} balances */
function sumOf(balances) {
  const units = balances.reduce((sum, { usdValue }) => {
    const [whole = '0', fraction = ''] = usdValue.split('.')
    return sum + BigInt(whole + fraction.slice(0, usdDigits).padEnd(usdDigits, '0'))
  }, 0n)
  const text = String(units).padStart(usdDigits + 1, '0')
  return `${text.slice(0, -usdDigits)}.${text.slice(-usdDigits)}`
}

/** @param {HTMLElement} host @param {{ load: (signal: AbortSignal) => Promise<any>, onPortfolio: (portfolio: any) => void }} options */
function createTiles(host, { load, onPortfolio }) {
  const [worth, holdings, largest] = ['Worth', 'Holdings', 'Largest'].map(createTile)
  const body = h('div', { class: 'tiles' }, ...[worth, holdings, largest].map((tile) => tile?.element))
  return createState(host, {
    load,
    isEmpty: (portfolio) => portfolio === undefined,
    empty: none,
    render: (portfolio, place) => {
      onPortfolio(portfolio)
      if (!place.contains(body)) fill(place, body)
      const total = Number(portfolio.totalUsd)
      /** @type {Holding | undefined} */
      const first = portfolio.balances[0]
      worth?.set(formatUsd(portfolio.totalUsd), 'by the newest prices')
      holdings?.set(String(portfolio.balances.length), 'worth something')
      largest?.set(
        first?.token.symbol ?? '–',
        first === undefined || total === 0 ? '' : `${formatPercent(Number(first.usdValue) / total)} of it`,
      )
    },
    skeleton: 'tiles',
    rows: 3,
  })
}

/** @param {any} portfolio */
const holdsNothing = (portfolio) => portfolio === undefined || portfolio.balances.length === 0

/** @param {HTMLElement} host @param {(signal: AbortSignal) => Promise<any>} load */
function createRing(host, load) {
  const place = h('div')
  const shares = createShares(place, { label: 'Allocation', unit: 'US dollars', format: formatShortUsd })
  return createState(host, {
    load,
    isEmpty: holdsNothing,
    empty: { title: 'Nothing to divide', hint: 'As soon as the wallet holds something, its shares stand here.' },
    render: ({ balances }, body) => {
      if (!body.contains(place)) fill(body, place)
      shares.update(
        balances.map((/** @type {Holding} */ { tokenId, usdValue, token }) => ({
          key: tokenId,
          label: token.symbol,
          value: Number(usdValue),
        })),
      )
    },
    skeleton: 'chart',
  })
}

/** @param {HTMLElement} host @param {(signal: AbortSignal) => Promise<any>} load */
function createTable(host, load) {
  return createState(host, {
    load,
    isEmpty: holdsNothing,
    empty: { title: 'No holdings', hint: 'Balances appear here as they are synchronised.' },
    render: ({ balances, totalUsd }, body) => {
      const total = Number(totalUsd)
      const focused = document.activeElement?.getAttribute('href')
      fill(
        body,
        h(
          'div',
          { class: 'table-wrap' },
          h(
            'table',
            { class: 'table' },
            h(
              'thead',
              null,
              h(
                'tr',
                null,
                h('th', { scope: 'col' }, 'Token'),
                h('th', { scope: 'col', class: 'number' }, 'Quantity'),
                h('th', { scope: 'col', class: 'number' }, 'Value'),
                h('th', { scope: 'col', class: 'number narrow-off' }, 'Share'),
              ),
            ),
            h('tbody', null, ...balances.map((/** @type {Holding} */ one) => rowOf(one, total))),
          ),
        ),
      )
      // Rows are made anew with every price; who stands on one by keyboard stays there.
      const again = [...body.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused)
      if (focused !== null && focused !== undefined) again?.focus({ preventScroll: true })
    },
  })
}

/** @param {Holding} holding @param {number} total */
function rowOf({ tokenId, quantity, usdValue, token }, total) {
  return h(
    'tr',
    { 'data-token': tokenId },
    h(
      'td',
      null,
      h('a', { class: 'row-name', href: pathOf`#/tokens/${tokenId}` }, token.symbol),
      h('span', { class: 'row-note' }, token.name),
    ),
    h('td', { class: 'number soft' }, formatQuantity(quantity)),
    h('td', { class: 'number' }, formatUsd(usdValue)),
    h('td', { class: 'number soft narrow-off' }, total > 0 ? formatPercent(Number(usdValue) / total) : '–'),
  )
}
