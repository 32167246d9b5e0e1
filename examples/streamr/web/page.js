// @ts-check
// The page: who one is, which view is open, and one connection of live events for what that view shows.
//
// Promises: a view is fetched when it is opened and again as soon as events come, so nothing falls in between. It is told of no
// event after it was closed.

import { byId, fill } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { fail, findRoute, openShell, say } from '/kit/shell.js'
import { createFraudView } from './fraud-view.js'
import { createMapView } from './map-view.js'
import { createNodeView } from './node-view.js'
import { createPayoutsView } from './payouts-view.js'
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
 * @property {string} title '' is the name of the app alone.
 * @property {HTMLElement} element
 * @property {() => void} refresh Fetches all that is shown.
 * @property {() => readonly import('/kit/live/index.js').LiveSubscription[]} topics
 * @property {() => void} close
 */

/** @type {readonly import('/kit/shell.js').Route<(context: Context, id: string) => View>[]} */
const routes = [
  [/^#\/streams$/, createStreamsView, '#/streams'],
  [/^#\/streams\/([^/]+)$/, createStreamView, '#/streams'],
  [/^#\/nodes\/([^/]+)$/, createNodeView],
  [/^#\/payouts$/, createPayoutsView, '#/payouts'],
  [/^#\/fraud$/, createFraudView, '#/fraud'],
  [/^/, createMapView, '#/'],
]
const pages = /** @type {const} */ ([
  ['#/', 'Map'],
  ['#/streams', 'Streams'],
  ['#/payouts', 'Payouts'],
  ['#/fraud', 'Fraud'],
])

const badge = createLiveBadge()
/** @type {Awaited<ReturnType<typeof openSession>>} */
let session = { people: [], person: undefined }
/** @type {{ close(): void } | undefined} */
let live
let topics = ''

function listen() {
  const subscriptions = shell.view()?.topics() ?? []
  const asked = JSON.stringify([session.person?.user_id, subscriptions.map(({ topic }) => topic)])
  if (asked === topics) return
  topics = asked
  live?.close()
  live = undefined
  byId('badge').hidden = subscriptions.length === 0
  if (subscriptions.length === 0) return
  live = connectLive({ badge, subscriptions, onRefresh: () => shell.view()?.refresh() })
}

const shell = openShell({
  name: 'streamr',
  pages: () => pages,
  route: () => {
    const { create, id, page } = findRoute(routes)
    return { create: () => create({ person: session.person, relisten: listen, say }, id), page }
  },
  onOpen: () => {
    // Of the view that was, nothing more is to be heard.
    topics = ''
    listen()
  },
})

/** @param {string} userId */
async function choose(userId) {
  try {
    session = { ...session, person: await become(userId) }
    say(`You are ${session.person?.display_name ?? 'nobody'}`)
  } catch (error) {
    return fail(error, () => void choose(userId))
  }
  drawPicker()
  shell.open()
}

function drawPicker() {
  fill(byId('person'), createPicker({ ...session, onChoose: (userId) => void choose(userId) }))
}

async function start() {
  try {
    session = await openSession()
  } catch (error) {
    return fail(error, () => void start())
  }
  drawPicker()
  shell.open()
}

fill(byId('badge'), badge.element)
onOtherTab((userId) => {
  if (userId !== session.person?.user_id) void choose(userId)
})
await start()
