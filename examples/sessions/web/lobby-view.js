// @ts-check
// Where one finds somebody: the session that one is in, or looks for; invitations; people to invite.

import { h } from '/kit/dom.js'
import { createSoon } from '/kit/soon.js'
import { createCurrent } from './current.js'
import { createInvitations } from './invitations.js'
import { createPeople } from './people.js'

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createLobbyView({ account, say }) {
  const refresh = createSoon(() => {
    void current.refresh()
    void invitations.refresh()
  }, 300)
  const options = { own: account.address, say, onDone: refresh }
  const current = createCurrent(options)
  const invitations = createInvitations(options)
  const people = createPeople(options)
  return {
    title: 'Lobby',
    element: h(
      'div',
      { class: 'view' },
      h('h1', { class: 'sr-only' }, 'Lobby'),
      h(
        'div',
        { class: 'grid' },
        current.element,
        h('div', { class: 'stack span-5' }, invitations.element, people.element),
      ),
    ),
    refresh,
    onSession: refresh,
    close: () => {
      refresh.cancel()
      current.close()
      invitations.close()
      people.close()
    },
  }
}
