// @ts-check
// The page: who has signed in, which view is open, by the hash, and one connection of live events: of the wallet's own sessions, and for
// moderators of reports.
//
// Promises: a view is fetched when it is opened and again as soon as events come, so nothing falls in between. It is told of no
// event after it was closed.

import { byId, fill, h } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { onSignedOut } from '/kit/reading.js'
import { fail, openShell, say } from '/kit/shell.js'
import { findAccount, signOut } from './account.js'
import { createAvatar } from './avatar.js'
import { closeDialogs } from './dialog.js'
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

/** @typedef {readonly [href: string, text: string, create: (context: Context) => View, isModerators: boolean]} Page */

/** @type {Page} */
const lobby = ['#/', 'Lobby', createLobbyView, false]
/** @type {readonly Page[]} */
const pages = [
  lobby,
  ['#/history', 'History', createHistoryView, false],
  ['#/wallet', 'Wallet', createWalletView, false],
  ['#/moderation', 'Moderation', createModerationView, true],
  ['#/operations', 'Operations', createOperationsView, false],
]

const badge = createLiveBadge()
/** @type {import('./account.js').Account | undefined} */
let account
/** @type {{ close(): void } | undefined} */
let live
/** The session that the notice is about. */
let noticed = ''

function listen() {
  live?.close()
  live = undefined
  byId('badge').hidden = account === undefined
  if (account === undefined) return
  const { address, isModerator } = account
  /** @param {import('/kit/live/index.js').LiveChange} change */
  const onSession = (change) => {
    const id = change.key?.['session_id'] ?? ''
    if (change.kind === 'insert' && change.row?.['b_addr'] === address) notify(id, change.row['a_addr'] ?? '')
    // Taken back, declined elsewhere, or too old.
    else if (id !== '' && id === noticed) fill(byId('notice'))
    shell.view()?.onSession?.()
  }
  live = connectLive({
    badge,
    subscriptions: [
      { topic: { table: 'sessions', where: { a_addr: address } }, onChange: onSession },
      { topic: { table: 'sessions', where: { b_addr: address } }, onChange: onSession },
      ...(isModerator ? [{ topic: { table: 'reports' }, onChange: () => shell.view()?.onReport?.() }] : []),
    ],
    onRefresh: () => shell.view()?.refresh(),
  })
}

/** Somebody asks for a session, while another view is open. @param {string} id @param {string} from */
function notify(id, from) {
  say(`${shortAddress(from)} invites you`)
  if (shell.view()?.title === 'Lobby') return
  noticed = id
  const go = h('a', { class: 'button button-small button-link', href: '#/' }, 'To the lobby')
  fill(
    byId('notice'),
    h('p', { class: 'notice' }, h('span', null, `${shortAddress(from)} invites you to a session.`), go),
  )
}

const shell = openShell({
  name: 'sessions',
  pages: shownPages,
  route: () => {
    const own = account
    if (own === undefined) return { create: () => createSignInView({ onSignedIn: enter }) }
    const [page, , create] = shownPages().find(([href]) => href === location.hash) ?? lobby
    return { create: () => create({ account: own, say }), page }
  },
  onOpen: () => {
    closeDialogs()
    fill(byId('notice'))
    noticed = ''
    drawAccount()
  },
  // Whoever has to sign in first comes there then.
  mayMove: () => account !== undefined,
})

function shownPages() {
  if (account === undefined) return []
  return pages.filter(([, , , isModerators]) => !isModerators || account?.isModerator === true)
}

function drawAccount() {
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

/** @param {import('./account.js').Account | undefined} found */
function enter(found) {
  account = found
  shell.open({ isMove: true })
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

async function start() {
  try {
    account = await findAccount()
  } catch (error) {
    return fail(error, () => void start())
  }
  shell.open()
  listen()
}

fill(byId('badge'), badge.element)
onSignedOut(() => {
  if (account === undefined) return false
  enter(undefined)
  fill(byId('notice'), h('p', { class: 'notice' }, 'Your sign-in has ended: sign in again to go on.'))
  return true
})
await start()
