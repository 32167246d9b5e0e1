// @ts-check
// The page: who has signed in, which view is open, by the hash, and one connection of live events: of the wallet's own sessions, and for
// moderators of reports.
//
// Promises: a view is fetched when it is opened and again as soon as events come, so nothing falls in between. It is told of no
// event after it was closed.

import { byId, fill, h } from '/kit/dom.js'
import { ApiError } from '/kit/fetch-json.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { heard } from '/kit/reading.js'
import { createBanner } from '/kit/state.js'
import { findAccount, signOut } from './account.js'
import { createAvatar } from './avatar.js'
import { createHistoryView } from './history-view.js'
import { createLobbyView } from './lobby-view.js'
import { createModerationView } from './moderation-view.js'
import { createOperationsView } from './operations-view.js'
import { shortAddress } from './session-words.js'
import { createSignInView } from './sign-in-view.js'
import { createWalletView } from './wallet-view.js'

/**
 * @typedef {object} Context
 * @property {import('./account.js').Account} account
 * @property {(text: string) => void} say To those who cannot see what happened.
 *
 * @typedef {object} View
 * @property {string} title
 * @property {HTMLElement} element
 * @property {() => void} refresh Fetches all that is shown.
 * @property {() => void} [onSession] Something happened to one of the wallet's sessions.
 * @property {() => void} [onReport] Something happened to a report.
 * @property {() => void} close
 */

/** @type {readonly (readonly [hash: string, title: string, create: (context: Context) => View, isModerators: boolean])[]} */
const pages = [
  ['#/', 'Lobby', createLobbyView, false],
  ['#/history', 'History', createHistoryView, false],
  ['#/wallet', 'Wallet', createWalletView, false],
  ['#/moderation', 'Moderation', createModerationView, true],
  ['#/operations', 'Operations', createOperationsView, false],
]

const badge = createLiveBadge()
/** @type {import('./account.js').Account | undefined} */
let account
/** @type {View | undefined} */
let view
/** @type {{ close(): void } | undefined} */
let live

function listen() {
  live?.close()
  live = undefined
  byId('badge').hidden = account === undefined
  if (account === undefined) return
  const { address, isModerator } = account
  /** @param {import('/kit/live/index.js').LiveChange} change */
  const onSession = (change) => {
    heard(change.id)
    if (change.kind === 'insert' && change.row?.['b_addr'] === address) notify(change.row['a_addr'] ?? '')
    view?.onSession?.()
  }
  /** @param {import('/kit/live/index.js').LiveChange} change */
  const onReport = (change) => {
    heard(change.id)
    view?.onReport?.()
  }
  live = connectLive({
    badge,
    subscriptions: [
      { topic: { table: 'sessions', where: { a_addr: address } }, onChange: onSession },
      { topic: { table: 'sessions', where: { b_addr: address } }, onChange: onSession },
      ...(isModerator ? [{ topic: { table: 'reports' }, onChange: onReport }] : []),
    ],
    onRefresh: ({ id }) => {
      heard(id)
      view?.refresh()
    },
  })
}

/** Somebody asks for a session, while another view is open. @param {string} from */
function notify(from) {
  say(`${shortAddress(from)} invites you`)
  if (view?.title === 'Lobby') return
  const go = h('a', { class: 'button button-small button-link', href: '#/' }, 'To the lobby')
  fill(
    byId('notice'),
    h('p', { class: 'notice' }, h('span', null, `${shortAddress(from)} invites you to a session.`), go),
  )
}

/** @param {{ isMove?: boolean }} [options] `isMove`: somebody went there, and is to find themselves at its beginning. */
function open({ isMove = false } = {}) {
  view?.close()
  fill(byId('notice'))
  view =
    account === undefined ? createSignInView({ onSignedIn: (found) => enter(found) }) : findPage()({ account, say })
  fill(byId('main'), view.element)
  document.title = `${view.title} · sessions`
  drawHead()
  view.refresh()
  if (!isMove) return
  scrollTo(0, 0)
  byId('main').focus({ preventScroll: true })
}

function shownPages() {
  if (account === undefined) return []
  return pages.filter(([, , , isModerators]) => !isModerators || account?.isModerator === true)
}

function findPage() {
  return shownPages().find(([hash]) => hash === location.hash)?.[2] ?? createLobbyView
}

function drawHead() {
  const shown = shownPages()
  const at = shown.find(([hash]) => hash === location.hash)?.[0] ?? '#/'
  byId('nav').hidden = shown.length === 0
  fill(byId('nav'), ...shown.map(([href, text]) => h('a', { href, 'aria-current': href === at ? 'page' : null }, text)))
  if (account === undefined) return fill(byId('account'))
  const leave = h(
    'button',
    { class: 'button button-quiet', type: 'button', on: { click: () => void exit() } },
    'Sign out',
  )
  fill(
    byId('account'),
    h(
      'span',
      { class: 'who', title: account.address },
      createAvatar(account.address, 24),
      shortAddress(account.address),
    ),
    leave,
  )
}

/** @param {string} text */
function say(text) {
  byId('said').textContent = text
}

/** @param {import('./account.js').Account | undefined} found */
function enter(found) {
  account = found
  open({ isMove: true })
  listen()
}

async function exit() {
  try {
    await signOut()
  } catch (error) {
    return fail(error, () => void exit())
  }
  enter(undefined)
}

/** @param {unknown} error @param {() => void} onRetry */
function fail(error, onRetry) {
  const message = error instanceof Error ? error.message : String(error)
  fill(byId('main'), h('section', { class: 'card', 'data-state': 'error' }, createBanner({ message, onRetry })))
}

async function start() {
  try {
    account = await findAccount()
  } catch (error) {
    return fail(error, () => void start())
  }
  open()
  listen()
}

fill(byId('badge'), badge.element)
addEventListener('hashchange', () => open({ isMove: true }))
byId('skip').addEventListener('click', (event) => {
  // The hash says which view is shown.
  event.preventDefault()
  byId('main').focus()
})
addEventListener('unhandledrejection', ({ reason }) => {
  // A sign-in lasts an hour.
  if (reason instanceof ApiError && reason.status === 401) enter(undefined)
})
await start()
