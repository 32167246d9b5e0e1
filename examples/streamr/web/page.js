// @ts-check
// The page: who one is, which view is open, and one connection of live events for what that view shows.
//
// Promises: a view is fetched when it is opened and again as soon as events come, so nothing falls in between. It is told of no
// event after it was closed.

import { byId, fill, h } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { createBanner } from '/kit/state.js'
import { createFraudView } from './fraud-view.js'
import { createMapView } from './map-view.js'
import { createNodeView } from './node-view.js'
import { createPayoutsView } from './payouts-view.js'
import { heard } from '/kit/reading.js'
import { become, createPicker, onOtherTab, openSession } from './session.js'
import { createStreamView } from './stream-view.js'
import { createStreamsView } from './streams-view.js'

/**
 * @typedef {object} Context
 * @property {import('./session.js').Person | undefined} person
 * @property {() => void} relisten What the view shows has changed, and so what it is to be told of.
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
  [/^#\/streams$/, createStreamsView],
  [/^#\/streams\/([^/]+)$/, createStreamView],
  [/^#\/nodes\/([^/]+)$/, createNodeView],
  [/^#\/payouts$/, createPayoutsView],
  [/^#\/fraud$/, createFraudView],
  [/^/, createMapView],
]
const pages = [
  ['#/', 'Map'],
  ['#/streams', 'Streams'],
  ['#/payouts', 'Payouts'],
  ['#/fraud', 'Fraud'],
]

const badge = createLiveBadge()
/** @type {Awaited<ReturnType<typeof openSession>>} */
let session = { people: [], person: undefined }
/** @type {View | undefined} */
let view
/** @type {{ close(): void } | undefined} */
let live
let topics = ''

function listen() {
  const subscriptions = view?.topics() ?? []
  const asked = JSON.stringify([session.person?.user_id, subscriptions.map(({ topic }) => topic)])
  if (asked === topics) return
  topics = asked
  live?.close()
  live = undefined
  byId('badge').hidden = subscriptions.length === 0
  if (subscriptions.length === 0) return
  const shown = view
  live = connectLive({
    badge,
    subscriptions: subscriptions.map(({ topic, onChange, onList }) => ({
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
  view = create({ person: session.person, relisten: listen, say }, id)
  fill(byId('main'), view.element)
  document.title = view.title === 'Map' ? 'streamr' : `${view.title} · streamr`
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
  return { create: createMapView, id: '' }
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
  const at = pages.findLast(([href = '']) => href === '#/' || location.hash.startsWith(href))?.[0]
  const isElsewhere = location.hash.startsWith('#/nodes/')
  fill(
    byId('nav'),
    ...pages.map(([href, text]) => h('a', { href, 'aria-current': href === at && !isElsewhere ? 'page' : null }, text)),
  )
}

/** @param {string} text */
function say(text) {
  byId('said').textContent = text
}

/** @param {string} userId */
async function choose(userId) {
  try {
    session = { ...session, person: await become(userId) }
    say(`You are ${session.person?.display_name ?? 'nobody'}`)
  } catch (error) {
    return fail(error, () => void choose(userId))
  }
  drawPicker()
  open()
}

function drawPicker() {
  fill(byId('person'), createPicker({ ...session, onChoose: (userId) => void choose(userId) }))
}

/** @param {unknown} error @param {() => void} onRetry */
function fail(error, onRetry) {
  const message = error instanceof Error ? error.message : String(error)
  fill(byId('main'), h('section', { class: 'card', 'data-state': 'error' }, createBanner({ message, onRetry })))
}

async function start() {
  try {
    session = await openSession()
  } catch (error) {
    return fail(error, () => void start())
  }
  drawPicker()
  open()
}

fill(byId('badge'), badge.element)
drawNav()
addEventListener('hashchange', () => open({ isMove: true }))
onOtherTab((userId) => {
  if (userId !== session.person?.user_id) void choose(userId)
})
await start()
