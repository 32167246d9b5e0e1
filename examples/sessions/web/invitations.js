// @ts-check
// Who asks for a session, and whom one has asked.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { createKeyed } from '/kit/paged-list.js'
import { pathOf, read, write } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createActing, createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { partnerOf, shortAddress } from './session-words.js'

/** @typedef {import('./session-words.js').Session} Session */

/** @param {{ own: string, say: (text: string) => void, onDone: () => void }} options */
export function createInvitations({ own, say, onDone }) {
  const host = h('div', { id: 'invitations' })
  const acting = createActing()
  /** @param {Session} session @param {'accept' | 'decline' | 'cancel'} event @param {string} done */
  const doing = (session, event, done) => async (/** @type {HTMLButtonElement} */ button) => {
    if (await acting.run(button, () => write('POST', pathOf`/sessions/${session.session_id}/${event}`))) say(done)
    onDone()
  }
  const list = h('ul', { class: 'rows', 'aria-label': 'Invitations' })
  const keyed = createKeyed(list, {
    keyOf: (/** @type {Session} */ { session_id }) => session_id,
    row: (session) => ({ element: rowOf(session, { own, doing }) }),
  })
  const state = createState(host, {
    load: async (signal) =>
      /** @type {Session[]} */ ((await read('/sessions?status=invited&limit=20', signal)).sessions),
    isEmpty: (sessions) => sessions.length === 0,
    render: (sessions, body) => {
      if (!body.contains(list)) fill(body, list)
      keyed.update(sessions)
    },
    empty: { title: 'No invitations' },
    rows: 1,
  })
  return {
    element: createCard({ title: 'Invitations' }, acting.element, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/**
 * @param {Session} session
 * @param {{
 *   own: string,
 *   doing: (session: Session, event: 'accept' | 'decline' | 'cancel', done: string) => (button: HTMLButtonElement) => unknown,
 * }} hands
 */
function rowOf(session, { own, doing }) {
  const other = partnerOf(session, own) ?? ''
  const isMine = session.a_addr === own
  const named = shortAddress(other)
  return h(
    'li',
    null,
    createAvatar(other),
    h(
      'div',
      { class: 'row-main' },
      h('span', { class: 'row-name address', title: other }, named),
      h('span', { class: 'row-note' }, isMine ? 'asked by you, ' : 'asks you, ', createAgo(session.created_at)),
    ),
    h(
      'span',
      { class: 'row-buttons' },
      ...(isMine
        ? [
            createButton('Withdraw', doing(session, 'cancel', 'Withdrawn'), {
              look: 'button-small',
              label: `Withdraw what you asked of ${named}`,
            }),
          ]
        : [
            createButton('Accept', doing(session, 'accept', 'You have a session'), {
              look: 'button-main button-small',
              label: `Accept ${named}`,
            }),
            createButton('Decline', doing(session, 'decline', 'Declined'), {
              look: 'button-small',
              label: `Decline ${named}`,
            }),
          ]),
    ),
  )
}
