// @ts-check
// People by the beginning of a name or of an address, to be invited.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { read, write } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createActing, createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { shortAddress } from './session-words.js'

/** @typedef {{ address: string, display_name: string | null, last_seen_at: string }} Found */

const shortest = 2
/** After the last key. */
const pauseMs = 200

/** @param {{ own: string, say: (text: string) => void, onDone: () => void }} options */
export function createPeople({ own, say, onDone }) {
  const host = h('div', { id: 'people', hidden: true })
  const acting = createActing()
  const input = h('input', {
    class: 'input',
    type: 'search',
    name: 'prefix',
    autocomplete: 'off',
    spellcheck: 'false',
    maxlength: 60,
    placeholder: 'A name, or 0x…',
    'aria-label': 'Whom to invite',
  })
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  /** @param {Found} found */
  const invite =
    ({ address, display_name }) =>
    async (/** @type {HTMLButtonElement} */ button) => {
      if (!(await acting.run(button, () => write('POST', '/sessions', { invite: address })))) return
      say(`${display_name ?? shortAddress(address)} is invited`)
      input.value = ''
      host.hidden = true
      onDone()
    }
  const state = createState(host, {
    load: async (signal) => {
      const prefix = input.value.trim()
      if (prefix.length < shortest) return []
      const { users } = await read(`/users?limit=8&prefix=${encodeURIComponent(prefix)}`, signal)
      return /** @type {Found[]} */ (users).filter(({ address }) => address !== own)
    },
    isEmpty: (users) => users.length === 0,
    render: (users, body) =>
      fill(
        body,
        h('ul', { class: 'rows', 'aria-label': 'Found' }, ...users.map((found) => rowOf(found, invite(found)))),
      ),
    empty: { title: 'Nobody by that name' },
    rows: 2,
  })
  input.addEventListener('input', () => {
    clearTimeout(timer)
    host.hidden = input.value.trim().length < shortest
    if (!host.hidden) timer = setTimeout(() => void state.refresh(), pauseMs)
  })
  return {
    element: createCard({ title: 'Invite somebody' }, input, acting.element, host),
    close: () => {
      clearTimeout(timer)
      state.close()
    },
  }
}

/** @param {Found} found @param {(button: HTMLButtonElement) => unknown} onInvite */
function rowOf({ address, display_name, last_seen_at }, onInvite) {
  const name = display_name ?? shortAddress(address)
  return h(
    'li',
    null,
    createAvatar(address),
    h(
      'div',
      { class: 'row-main' },
      h('span', { class: 'row-name' }, name),
      h('span', { class: 'row-note' }, shortAddress(address), ' · seen ', createAgo(last_seen_at)),
    ),
    createButton('Invite', onInvite, { look: 'button-small', label: `Invite ${name}` }),
  )
}
