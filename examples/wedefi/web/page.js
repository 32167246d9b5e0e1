// @ts-check
// The page: which view is open, by the hash; one connection of live events for what that view shows; and, on every view, alerts that fire.
//
// Promises: a view is fetched when it is opened and again as soon as events come, so nothing falls in between. It is told of no
// event after it was closed.

import { byId, fill, h } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { heard } from '/kit/reading.js'
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

/** @type {readonly (readonly [pattern: RegExp, create: (context: Context, id: string) => View])[]} */
const routes = [
  [/^#\/wallets\/([^/?]+)$/, createWalletView],
  [/^#\/market$/, createMarketView],
  [/^#\/tokens\/([^/?]+)$/, createTokenView],
  [/^#\/alerts(?:\?(.*))?$/, createAlertsView],
  [/^/, createWalletsView],
]
const pages = /** @type {const} */ ([
  ['#/', 'Wallets', /^(?:#\/(?:wallets.*)?)?$/],
  ['#/market', 'Market', /^#\/(?:market|tokens)/],
  ['#/alerts', 'Alerts', /^#\/alerts/],
])

const badge = createLiveBadge()
const toasts = createToasts(byId('toasts'))
/** @type {View | undefined} */
let view
/** @type {{ close(): void } | undefined} */
let live
let topics = ''

function listen() {
  const shown = view
  /** @type {readonly import('/kit/live/index.js').LiveSubscription[]} */
  const wanted = [
    ...(shown?.topics() ?? []),
    { topic: { table: 'AlertEvent' }, onChange: ({ kind, row }) => void (kind === 'insert' && toasts.show(row)) },
  ]
  const asked = JSON.stringify(wanted.map(({ topic }) => topic))
  if (asked === topics) return
  topics = asked
  live?.close()
  live = connectLive({
    badge,
    subscriptions: wanted.map(({ topic, onChange, onList }) => ({
      topic,
      onChange: (change) => {
        heard(change.id)
        if (shown === view) onChange?.(change)
      },
      onList: (list) => {
        heard(list.id)
        if (shown === view) onList?.(list)
      },
    })),
    onRefresh: ({ id }) => {
      heard(id)
      view?.refresh()
    },
  })
}

/** @param {{ isMove?: boolean }} [options] `isMove`: somebody went there, and is to find themselves at its beginning. */
function open({ isMove = false } = {}) {
  view?.close()
  // Of the view that was, nothing more is to be heard.
  topics = ''
  const { create, id } = findRoute()
  view = create({ say }, id)
  fill(byId('main'), view.element)
  document.title = `${view.title} · wedefi`
  drawNav()
  view.refresh()
  listen()
  if (!isMove) return
  scrollTo(0, 0)
  byId('main').focus({ preventScroll: true })
}

function findRoute() {
  for (const [pattern, create] of routes) {
    const found = pattern.exec(location.hash)
    if (found !== null) return { create, id: decode(found[1] ?? '') }
  }
  return { create: createWalletsView, id: '' }
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function drawNav() {
  fill(
    byId('nav'),
    ...pages.map(([href, text, pattern]) =>
      h('a', { href, 'aria-current': pattern.test(location.hash) ? 'page' : null }, text),
    ),
  )
}

/** @param {string} text */
function say(text) {
  byId('said').textContent = text
}

fill(byId('badge'), badge.element)
addEventListener('hashchange', () => open({ isMove: true }))
byId('skip').addEventListener('click', (event) => {
  // The hash says which view is shown.
  event.preventDefault()
  byId('main').focus()
})
open()
