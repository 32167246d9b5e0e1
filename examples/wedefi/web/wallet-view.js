// @ts-check
// One portfolio: what it is worth and holds, how that went, how it may go, what is locked.

import { fill, h } from '/kit/dom.js'
import { pathOf } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createCorrelations } from './correlations.js'
import { createHoldings } from './holdings.js'
import { createLocks } from './locks.js'
import { nameOfChain, nameOfWallet } from './money.js'
import { createPnl } from './pnl.js'
import { createRisk } from './risk.js'

const everyMs = 1_000
/** Figures of an hour's or a day's returns, which a price of this minute hardly moves. */
const slowMs = 15_000
/** What fits beside each other, and says enough. */
const mostTokens = 8

/** @param {import('./page.js').Context} _ @param {string} walletId @returns {import('./page.js').View} */
export function createWalletView(_, walletId) {
  const name = h('span', null, 'Wallet')
  const about = h('p', { class: 'address' })
  /** @type {readonly import('./correlations.js').Token[]} */
  let tokens = []
  const correlations = createCorrelations({ tokens: () => tokens })
  const holdings = createHoldings({
    walletId,
    onPortfolio: (portfolio) => {
      name.textContent = nameOfWallet(portfolio)
      fill(about, portfolio.address, ` · ${nameOfChain(portfolio.chainId)}`)
      const held = portfolio.balances.slice(0, mostTokens).map((/** @type {any} */ { token }) => token)
      if (idsOf(held) === idsOf(tokens)) return
      tokens = held
      void correlations.refresh()
    },
  })
  const pnl = createPnl(walletId)
  const risk = createRisk({ path: pathOf`/risk/portfolios/${walletId}` })
  const locks = createLocks(walletId)
  const parts = [holdings, pnl, risk, locks, correlations]
  const refreshHoldings = createSoon(holdings.refresh, everyMs)
  const refreshPnl = createSoon(pnl.refresh, everyMs)
  const refreshRisk = createSoon(risk.refresh, slowMs)
  return {
    title: 'Portfolio',
    element: h(
      'div',
      { class: 'view' },
      h(
        'div',
        { class: 'page-head' },
        h('div', null, h('h1', { class: 'page-title' }, name), about),
        h('a', { class: 'button button-link', href: `#/alerts?${new URLSearchParams({ walletId })}` }, 'Set an alert'),
      ),
      holdings.tiles,
      h(
        'div',
        { class: 'grid' },
        pnl.element,
        holdings.allocation,
        holdings.element,
        h('div', { class: 'stack span-5' }, risk.element, locks.element),
        correlations.element,
      ),
    ),
    refresh: () => {
      for (const { refresh } of parts) void refresh()
    },
    topics: () => [
      {
        topic: { table: 'TokenBalance', key: { walletId } },
        onChange: () => {
          refreshHoldings()
          refreshRisk()
        },
      },
      { topic: { rollup: 'portfolio_hourly', by: { walletId } }, onChange: refreshPnl },
    ],
    close: () => {
      for (const one of [refreshHoldings, refreshPnl, refreshRisk]) one.cancel()
      for (const { close } of parts) close()
    },
  }
}

/** The same for the same tokens, in whichever order. @param {readonly { id: string }[]} tokens */
function idsOf(tokens) {
  return tokens
    .map(({ id }) => id)
    .toSorted()
    .join()
}
