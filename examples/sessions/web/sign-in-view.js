// @ts-check
// Before anybody has signed in: with the browser's own wallet, or one of the demonstration's.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { createState } from '/kit/state.js'
import { findDemoWallets, findProvider, signInByDemo, signInByProvider } from './account.js'
import { createButton } from './acting.js'
import { createAvatar } from './avatar.js'
import { shortAddress } from './session-words.js'

/** @typedef {(button: HTMLButtonElement, work: () => Promise<import('./account.js').Account | undefined>) => Promise<void>} Enter */

/** @param {{ onSignedIn: (account: import('./account.js').Account | undefined) => void }} options @returns {import('./page.js').View} */
export function createSignInView({ onSignedIn }) {
  const failed = h('p', { class: 'say-error', role: 'alert' })
  /** @type {Enter} */
  const enter = async (button, work) => {
    button.disabled = true
    fill(failed)
    try {
      onSignedIn(await work())
    } catch (error) {
      fill(failed, error instanceof Error ? error.message : String(error))
      button.disabled = false
    }
  }
  const demo = createDemoWallets(enter)
  return {
    title: 'Sign in',
    element: h(
      'div',
      { class: 'view sign-in' },
      h(
        'div',
        { class: 'page-head' },
        h(
          'div',
          null,
          h('h1', null, 'Two wallets meet'),
          h('p', null, 'Sign a message to say which one is yours. Then find somebody to talk to.'),
        ),
      ),
      createCard({ title: 'Wallets to try', note: 'their keys are no secret' }, failed, demo.host),
      createOwnWallet(enter),
    ),
    refresh: () => void demo.refresh(),
    close: demo.close,
  }
}

/** @param {Enter} enter */
function createDemoWallets(enter) {
  const host = h('div', { id: 'wallets' })
  const state = createState(host, {
    load: async (signal) => await findDemoWallets(signal),
    isEmpty: (wallets) => wallets.length === 0,
    render: (wallets, body) =>
      fill(
        body,
        h('ul', { class: 'rows', 'aria-label': 'Wallets to try' }, ...wallets.map((wallet) => rowOf(wallet, enter))),
      ),
    empty: {
      title: 'Sign in with a wallet',
      hint: 'Install one in this browser, and come back. Signing in costs nothing and sends nothing.',
    },
    rows: 4,
  })
  return { host, refresh: state.refresh, close: state.close }
}

/** @param {Enter} enter @returns {HTMLElement | undefined} undefined: this browser has none */
function createOwnWallet(enter) {
  const provider = findProvider()
  if (provider === undefined) return undefined
  const use = createButton(
    'Use the wallet of this browser',
    (button) => enter(button, () => signInByProvider(provider)),
    {
      look: 'button-main',
    },
  )
  return createCard({ title: 'Your own' }, use)
}

/** @param {import('./account.js').DemoWallet} wallet @param {Enter} enter */
function rowOf({ address, name, is_moderator }, enter) {
  return h(
    'li',
    null,
    createAvatar(address),
    h(
      'div',
      { class: 'row-main' },
      h(
        'span',
        { class: 'row-line' },
        h('b', { class: 'row-name' }, name),
        is_moderator && h('span', { class: 'badge badge-accent' }, 'Moderator'),
      ),
      h('span', { class: 'row-note address' }, shortAddress(address)),
    ),
    createButton('Sign in', (button) => enter(button, () => signInByDemo(address)), { label: `Sign in as ${name}` }),
  )
}
