// @ts-check
// Sessions that one took part in, the newest first, as many as one likes to go back.

import { createAgo } from '/kit/ago.js'
import { h } from '/kit/dom.js'
import { createPagedList } from '/kit/paged-list.js'
import { createSegments } from '/kit/segments.js'
import { createSoon } from '/kit/soon.js'
import { createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { askForBlock, askForReport } from './dealings.js'
import { createStatusBadge, durationOf, partnerOf, shortAddress } from './session-words.js'

/** @typedef {import('./session-words.js').Session} Session */

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createHistoryView({ account }) {
  const own = account.address
  let status = ''
  const host = h('div', { id: 'history' })
  const list = createPagedList(host, {
    name: 'sessions',
    path: () => `/sessions?limit=15${status === '' ? '' : `&status=${status}`}`,
    keyOf: (/** @type {Session} */ { session_id, status: is }) => `${session_id} ${is}`,
    row: (session) => ({ element: rowOf(session, { own, onDone: () => void list.refresh() }) }),
    label: 'Sessions',
    empty: { title: 'No sessions yet', hint: 'Whom you meet stands here, with what became of it.' },
    more: 'Show older sessions',
    rows: 8,
  })
  const segments = createSegments({
    label: 'Which sessions',
    choices: [
      ['', 'All'],
      ['ended', 'Ended'],
      ['declined', 'Declined'],
      ['cancelled', 'Cancelled'],
      ['expired', 'Expired'],
    ],
    onChoose: (chosen) => {
      status = chosen
      void list.begin()
    },
  })
  const refresh = createSoon(list.refresh, 500)
  return {
    title: 'History',
    element: h(
      'div',
      { class: 'view' },
      h('div', { class: 'page-head' }, h('h1', null, 'History'), segments),
      h('section', { class: 'card' }, host),
    ),
    refresh,
    onSession: refresh,
    close: () => {
      refresh.cancel()
      list.close()
    },
  }
}

/** @param {Session} session @param {{ own: string, onDone: () => void }} hands */
function rowOf(session, { own, onDone }) {
  const partner = partnerOf(session, own)
  const hasBegun = session.started_at !== null
  const named = partner === null ? 'Nobody came' : shortAddress(partner)
  return h(
    'li',
    null,
    partner === null ? h('span', { class: 'avatar avatar-none', 'aria-hidden': 'true' }) : createAvatar(partner),
    h(
      'div',
      { class: 'row-main' },
      h('span', { class: 'row-name address', title: partner }, named),
      h(
        'span',
        { class: 'row-status' },
        createStatusBadge(session.status),
        h(
          'span',
          { class: 'row-note' },
          createAgo(session.started_at ?? session.created_at),
          hasBegun && ` · ${durationOf(session)}`,
        ),
      ),
    ),
    hasBegun &&
      partner !== null &&
      h(
        'span',
        { class: 'row-buttons' },
        createButton('Report', () => void askForReport({ sessionId: session.session_id, partner }).then(onDone), {
          look: 'button-small button-quiet',
          label: `Report the session with ${named}`,
        }),
        createButton('Block', () => void askForBlock(partner).then(onDone), {
          look: 'button-small button-quiet',
          label: `Block ${named}`,
        }),
      ),
  )
}
