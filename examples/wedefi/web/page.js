// @ts-check
// The page: which view is open, by the hash; one connection of live events for what that view shows; and, on every view, alerts that fire.
//
// Promises: a view is fetched when it is opened and again as soon as events come, so nothing falls in between. It is told of no
// event after it was closed.

import { byId, fill } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { findRoute, openShell, say } from '/kit/shell.js'
import { createAlertsView } from './alerts-view.js'
import { createMarketView } from './market-view.js'
import { createToasts } from './toasts.js'
import { createTokenView } from './token-view.js'
import { createWalletView } from './wallet-view.js'
import { createWalletsView } from './wallets-view.js'

/**
 * @typedef {object} Context
 * @property {(text: string) => void} say To those who cannot see what happened.
 *
 * @typedef {object} View
 * @property {string} title
 * @property {HTMLElement} element
 * @property {() => void} refresh Fetches all that is shown.
 * @property {() => readonly import('/kit/live/index.js').LiveSubscription[]} topics
 * @property {() => void} close
 */

/** @type {readonly import('/kit/shell.js').Route<(context: Context, id: string) => View>[]} */
const routes = [
  [/^#\/wallets\/([^/?]+)$/, createWalletView, '#/'],
  [/^#\/market$/, createMarketView, '#/market'],
  [/^#\/tokens\/([^/?]+)$/, createTokenView, '#/market'],
  [/^#\/alerts(?:\?|$)/, createAlertsView, '#/alerts'],
  [/^/, createWalletsView, '#/'],
]
const pages = /** @type {const} */ ([
  ['#/', 'Wallets'],
  ['#/market', 'Market'],
  ['#/alerts', 'Alerts'],
])

const badge = createLiveBadge()
const toasts = createToasts(byId('toasts'))
/** @type {{ close(): void } | undefined} */
let live

/** @param {View} view */
function listen(view) {
  live?.close()
  live = connectLive({
    badge,
    subscriptions: [
      ...view.topics(),
      { topic: { table: 'AlertEvent' }, onChange: ({ kind, row }) => void (kind === 'insert' && toasts.show(row)) },
    ],
    onRefresh: () => view.refresh(),
  })
}

fill(byId('badge'), badge.element)
const shell = openShell({
  name: 'wedefi',
  pages: () => pages,
  route: () => {
    const { create, id, page } = findRoute(routes)
    return { create: () => create({ say }, id), page }
  },
  onOpen: listen,
})
shell.open()
