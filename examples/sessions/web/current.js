// @ts-check
// The session of this moment: none, looking for somebody, or active with its clock. The one that has just ended stays until another begins.
//
// Promises: what is shown is what the service said last. An active session is shown by the same elements for as long as it lasts. Whoever looks
// for somebody keeps the place in the queue for as long as this is open.

import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { pathOf, read, write } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createActing, createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { askForBlock, askForReport } from './dealings.js'
import { createClock, createStatusBadge, durationOf, partnerOf, shortAddress } from './session-words.js'

/**
 * @typedef {import('./session-words.js').Session} Session
 * @typedef {{ display_name: string | null, bio: string | null }} Profile
 * @typedef {{ session: Session | null, last: Session | null, partner: string | null, profile: Profile | null }} Shown
 */

/** So long before a place in the queue is given up it is asked for again; not more often than the latter, whatever the clocks say. */
const renewMs = 15_000
const leastMs = 2_000

/** @param {{ own: string, say: (text: string) => void, onDone: () => void }} options */
export function createCurrent({ own, say, onDone }) {
  const host = h('div', { id: 'current' })
  const acting = createActing()
  /** The one that was active when it was looked at last. */
  let lastId = ''
  let drawn = ''

  /** @param {string} done What is said then. @param {() => Promise<unknown>} work @returns {(button: HTMLButtonElement) => unknown} */
  const doing = (done, work) => async (button) => {
    if (await acting.run(button, work)) say(done)
    onDone()
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  /** @param {Session | null} session */
  const keepPlace = (session) => {
    clearTimeout(timer)
    if (session?.status !== 'waiting' || session.expires_at === null) return
    const leftMs = Date.parse(session.expires_at) - Date.now()
    const renew = () => write('POST', '/sessions/match').catch(() => undefined)
    timer = setTimeout(() => void renew().then(state.refresh), Math.max(leastMs, leftMs - renewMs))
  }

  const state = createState(host, {
    load: async (signal) => await loadShown({ own, lastId, signal }),
    render: (shown, body) => {
      keepPlace(shown.session)
      const id = shown.session?.session_id ?? shown.last?.session_id ?? ''
      const key = [id, shown.session?.status ?? shown.last?.status, shown.profile?.display_name].join()
      if (shown.session?.status === 'active') lastId = shown.session.session_id
      if (key === drawn) return
      if (drawn !== '' && shown.session?.status === 'active') say('You have a session')
      drawn = key
      fill(body, draw(shown, { own, doing, onDone }))
    },
    skeleton: 'text',
    rows: 4,
  })
  return {
    element: h('section', { class: 'card span-7 current', 'aria-label': 'Your session' }, acting.element, host),
    refresh: state.refresh,
    close: () => {
      clearTimeout(timer)
      state.close()
    },
  }
}

/** @param {{ own: string, lastId: string, signal: AbortSignal }} options @returns {Promise<Shown>} */
async function loadShown({ own, lastId, signal }) {
  const { session } = /** @type {{ session: Session | null }} */ (await read('/sessions/current', signal))
  // A block hides both, the session and whom it was with.
  const last = session !== null || lastId === '' ? null : await orNothing(read(pathOf`/sessions/${lastId}`, signal))
  /** @type {Session | null} */
  const found = last?.session ?? last ?? null
  const shown = session ?? found
  const partner = shown === null ? null : partnerOf(shown, own)
  const profile = partner === null ? null : await orNothing(read(pathOf`/users/${partner}`, signal))
  return { session, last: found, partner, profile: profile ?? null }
}

/**
 * @typedef {object} Hands
 * @property {string} own
 * @property {(done: string, work: () => Promise<unknown>) => (button: HTMLButtonElement) => unknown} doing
 * @property {() => void} onDone
 */

/** @param {Shown} shown @param {Hands} hands @returns {HTMLElement} */
function draw(shown, hands) {
  const { session, last } = shown
  if (session?.status === 'active') return drawActive(session, shown, hands)
  if (session !== null) return drawWaiting(session, hands)
  return last === null ? drawNone(hands) : drawOver(last, shown, hands)
}

/** @param {Hands} hands */
function findButton({ doing }, text = 'Find somebody') {
  return createButton(
    text,
    doing('Looking for somebody', () => write('POST', '/sessions/match')),
    { look: 'button-main button-large' },
  )
}

/** @param {Hands} hands */
function drawNone(hands) {
  return h(
    'div',
    { class: 'middle' },
    h('span', { class: 'rings', 'aria-hidden': 'true' }, h('span'), h('span')),
    h('h2', { class: 'large' }, 'Nobody yet'),
    h('p', { class: 'soft' }, 'You are matched with whoever looks for somebody, too.'),
    findButton(hands),
  )
}

/** @param {Session} session @param {Hands} hands */
function drawWaiting({ session_id, created_at }, { doing }) {
  return h(
    'div',
    { class: 'middle' },
    h('span', { class: 'rings rings-seeking', 'aria-hidden': 'true' }, h('span'), h('span')),
    h('h2', { class: 'large' }, 'Looking for somebody'),
    h('p', { class: 'soft' }, 'For ', createClock(created_at), '. It goes on while this page is open.'),
    createButton(
      'Cancel',
      doing('Not looking any more', () => write('POST', pathOf`/sessions/${session_id}/cancel`)),
    ),
  )
}

/** @param {string} partner @param {Profile | null} profile */
function drawPartner(partner, profile) {
  const name = profile?.display_name ?? shortAddress(partner)
  return h(
    'div',
    { class: 'partner' },
    createAvatar(partner, 72),
    h('h2', { class: 'large', 'data-partner': partner }, name),
    h('p', { class: 'quiet address', title: partner }, shortAddress(partner)),
    profile?.bio != null && profile.bio !== '' && h('p', { class: 'soft bio' }, profile.bio),
  )
}

/** @param {Session} session @param {Shown} shown @param {Hands} hands */
function drawActive({ session_id, started_at, created_at }, { partner, profile }, { doing, onDone }) {
  const other = partner ?? ''
  return h(
    'div',
    { class: 'middle' },
    drawPartner(other, profile),
    h('p', { class: 'session-clock' }, createClock(started_at ?? created_at)),
    createButton(
      'End the session',
      doing('The session has ended', () => write('POST', pathOf`/sessions/${session_id}/end`)),
      {
        look: 'button-main button-large',
      },
    ),
    drawDealings(session_id, other, onDone),
  )
}

/** @param {Session} last @param {Shown} shown @param {Hands} hands */
function drawOver(last, { partner, profile }, hands) {
  const other = partner ?? ''
  const by = last.ended_by === null ? '' : last.ended_by === hands.own ? ' · by you' : ' · by the other one'
  return h(
    'div',
    { class: 'middle' },
    drawPartner(other, profile),
    h(
      'p',
      { class: 'row-line' },
      createStatusBadge(last.status),
      h('span', { class: 'soft' }, `after ${durationOf(last)}${by}`),
    ),
    findButton(hands, 'Find somebody else'),
    drawDealings(last.session_id, other, hands.onDone),
  )
}

/** @param {string} sessionId @param {string} partner @param {() => void} onDone */
function drawDealings(sessionId, partner, onDone) {
  return h(
    'div',
    { class: 'dealings' },
    createButton('Report', () => void askForReport({ sessionId, partner }).then(onDone), { look: 'button-quiet' }),
    createButton('Block', () => void askForBlock(partner).then(onDone), { look: 'button-quiet' }),
  )
}
