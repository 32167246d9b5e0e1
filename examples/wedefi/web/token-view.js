// @ts-check
// One token: its newest price, how that went, its risk.

import { createLines } from '/kit/chart-lines.js'
import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { pathOf, read } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createState } from '/kit/state.js'
import { createTile } from '/kit/tiles.js'
import { formatChartPrice, formatPrice, formatShareChange, nameOfChain, shareSince, shorten } from './money.js'
import { createRanges, spanOf } from './pnl.js'
import { createRisk } from './risk.js'

/** @param {import('./page.js').Context} _ @param {string} tokenId @returns {import('./page.js').View} */
export function createTokenView(_, tokenId) {
  const name = h('span', null, 'Token')
  const about = h('p', { class: 'address' })
  const head = createHead(tokenId, (token) => {
    name.textContent = `${token.symbol} · ${token.name}`
    fill(about, `${shorten(token.address)} · ${nameOfChain(token.chainId)}`)
  })
  const history = createHistory(tokenId)
  const risk = createRisk({ path: pathOf`/risk/tokens/${tokenId}`, look: 'span-5' })
  const parts = [head, history, risk]
  const refreshHead = createSoon(head.refresh, 1_000)
  const refreshHistory = createSoon(history.refresh, 5_000)
  return {
    title: 'Token',
    element: h(
      'div',
      { class: 'view' },
      h(
        'div',
        { class: 'page-head' },
        h('div', null, h('h1', { class: 'page-title' }, name), about),
        h('a', { class: 'button button-link', href: `#/alerts?${new URLSearchParams({ tokenId })}` }, 'Set an alert'),
      ),
      head.element,
      h('div', { class: 'grid' }, history.element, risk.element),
    ),
    refresh: () => {
      for (const { refresh } of parts) void refresh()
    },
    topics: () => [
      {
        topic: { table: 'PriceSnapshot', key: { tokenId } },
        onChange: () => {
          refreshHead()
          refreshHistory()
        },
      },
    ],
    close: () => {
      refreshHead.cancel()
      refreshHistory.cancel()
      for (const { close } of parts) close()
    },
  }
}

/** @param {string} tokenId @param {(token: any) => void} onToken */
function createHead(tokenId, onToken) {
  const [price, change, holders] = ['Price', 'In 24 hours', 'Wallets that hold it'].map(createTile)
  const tiles = h('div', { class: 'tiles' }, ...[price, change, holders].map((tile) => tile?.element))
  const element = h('section', { 'aria-label': 'In numbers', id: 'token' })
  const state = createState(element, {
    load: async (signal) => await orNothing(read(pathOf`/tokens/${tokenId}`, signal)),
    isEmpty: (token) => token === undefined,
    empty: { title: 'There is no such token', hint: 'It was removed, or never was.' },
    render: (token, body) => {
      onToken(token)
      if (!body.contains(tiles)) fill(body, tiles)
      const { priceUsd, dayAgoUsd, recordedAt } = token
      price?.set(priceUsd === null ? '–' : formatPrice(priceUsd))
      const note = price?.element.querySelector('.tile-note')
      if (note) fill(note, createAgo(recordedAt, 'no price yet'))
      const share = shareSince(dayAgoUsd, priceUsd)
      change?.set(
        share === undefined ? '–' : formatShareChange(share),
        dayAgoUsd === null ? '' : `from ${formatPrice(dayAgoUsd)}`,
      )
      holders?.set(String(token.holders), 'with a balance')
    },
    skeleton: 'tiles',
    rows: 3,
  })
  return { element, refresh: state.refresh, close: state.close }
}

/** @param {string} tokenId */
function createHistory(tokenId) {
  let range = '7d'
  const host = h('div', { id: 'history' })
  /** @type {ReturnType<typeof createLines> | undefined} */
  let lines
  const state = createState(host, {
    load: (signal) => orNothing(read(`${pathOf`/prices/${tokenId}/history`}?${spanOf(range)}`, signal)),
    isEmpty: (answer) => answer === undefined || answer.points.length === 0,
    empty: { title: 'No prices in this time', hint: 'Another range may have some.' },
    render: ({ points }, body) => {
      lines ??= createLines(body, {
        label: 'Price',
        lines: [
          { label: 'Low', colour: '--c8' },
          { label: 'High', colour: '--c8' },
          { label: 'Close', colour: '--accent' },
        ],
        format: formatChartPrice,
        height: 260,
        fromZero: false,
      })
      /** @param {string} name */
      const column = (name) => points.map((/** @type {any} */ point) => Number(point[name]))
      lines.update({
        times: points.map((/** @type {any} */ { bucket }) => bucket),
        values: [column('low'), column('high'), column('close')],
      })
    },
    skeleton: 'chart',
  })
  const aside = createRanges({
    label: 'Range of prices',
    chosen: range,
    onChoose: (chosen) => {
      range = chosen
      void state.refresh()
    },
  })
  return {
    element: createCard({ title: 'Price', aside, look: 'span-7' }, host),
    refresh: state.refresh,
    close: () => {
      lines?.close()
      state.close()
    },
  }
}
