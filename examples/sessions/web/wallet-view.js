// @ts-check
// One's own wallet: what others see of it, what it holds, whom it has blocked.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, read, write } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createActing, createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { createField } from './dialog.js'
import { createHoldings } from './holdings.js'
import { shortAddress } from './session-words.js'

/** @typedef {{ blocked: string, display_name?: string | null, created_at: string, reason: string | null }} Block */

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createWalletView({ account, say }) {
  const parts = [createProfile(account.address, say), createHoldings(account.address), createBlocks(say)]
  return {
    title: 'Wallet',
    element: h(
      'div',
      { class: 'view' },
      h(
        'div',
        { class: 'page-head' },
        h(
          'div',
          { class: 'head-wallet' },
          createAvatar(account.address, 56),
          h('div', null, h('h1', null, 'Wallet'), h('p', { class: 'address' }, account.address)),
        ),
      ),
      h('div', { class: 'grid' }, ...parts.map(({ element }) => element)),
    ),
    refresh: () => {
      for (const part of parts) void part.refresh()
    },
    close: () => {
      for (const part of parts) part.close()
    },
  }
}

/** @param {string} address @param {(text: string) => void} say */
function createProfile(address, say) {
  const host = h('div', { id: 'profile' })
  const acting = createActing()
  const name = h('input', { class: 'input', name: 'display_name', maxlength: 60, autocomplete: 'off' })
  const bio = h('textarea', { class: 'input', name: 'bio', rows: 3, maxlength: 500 })
  const save = h('button', { class: 'button button-main', type: 'submit' }, 'Save')
  const form = h(
    'form',
    { class: 'form' },
    createField('Name', name),
    createField('About you', bio),
    acting.element,
    h('div', null, save),
  )
  /** @param {object} change */
  const keep = async (change) => {
    if (await acting.run(save, () => write('PATCH', '/users/me', change))) say('Saved')
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    /** @param {string} text */
    const orNull = (text) => (text.trim() === '' ? null : text.trim())
    const change = { display_name: orNull(name.value), bio: orNull(bio.value) }
    void keep(change)
  })
  const state = createState(host, {
    load: async (signal) => await read(pathOf`/users/${address}`, signal),
    render: (user, body) => {
      // What is being written is not written over.
      if (body.contains(form)) return
      name.value = user.display_name ?? ''
      bio.value = user.bio ?? ''
      fill(body, form)
    },
    skeleton: 'text',
    rows: 4,
  })
  return {
    element: createCard({ title: 'What others see', look: 'span-6' }, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {(text: string) => void} say */
function createBlocks(say) {
  const host = h('div', { id: 'blocks' })
  const acting = createActing()
  /** @param {string} blocked */
  const lift = (blocked) => async (/** @type {HTMLButtonElement} */ button) => {
    const isDone = await acting.run(button, () => write('DELETE', pathOf`/blocks/${blocked}`))
    if (isDone) say(`${shortAddress(blocked)} is not blocked any more`)
    await list.refresh()
  }
  const list = createPagedList(host, {
    name: 'blocks',
    path: () => '/blocks?limit=10',
    keyOf: (/** @type {Block} */ { blocked }) => blocked,
    row: ({ blocked, created_at, reason }) => ({
      element: h(
        'li',
        null,
        createAvatar(blocked),
        h(
          'div',
          { class: 'row-main' },
          h('span', { class: 'row-name address', title: blocked }, shortAddress(blocked)),
          h('span', { class: 'row-note' }, createAgo(created_at), reason !== null && ` · ${reason}`),
        ),
        createButton('Lift', lift(blocked), {
          look: 'button-small',
          label: `Lift the block of ${shortAddress(blocked)}`,
        }),
      ),
    }),
    label: 'Blocked wallets',
    empty: {
      title: 'Nobody is blocked',
      hint: 'Whom you block you do not meet again, and neither of you sees the other.',
    },
    rows: 3,
  })
  return {
    element: createCard({ title: 'Blocked' }, acting.element, host),
    refresh: list.refresh,
    close: list.close,
  }
}
