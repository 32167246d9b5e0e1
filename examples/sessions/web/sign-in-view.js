// @ts-check
// Before anybody has signed in: with the browser's own wallet, or one of the demonstration's.

import { fill, h } from '/kit/dom.js'
import { createState } from '/kit/state.js'
import { findDemoWallets, findProvider, signInByDemo, signInByProvider } from './account.js'
import { createAvatar } from './avatar.js'
import { shortAddress } from './session-words.js'

/** @param {{ onSignedIn: (account: import('./account.js').Account | undefined) => void }} options @returns {import('./page.js').View} */
export function createSignInView({ onSignedIn }) {
  const host = h('div', { id: 'wallets' })
  const failed = h('p', { class: 'say-error', role: 'alert' })
  /** @param {HTMLButtonElement} button @param {() => Promise<import('./account.js').Account | undefined>} work */
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
  const provider = findProvider()
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
      h(
        'section',
        { class: 'card' },
        h(
          'header',
          { class: 'card-head' },
          h('h2', null, 'Wallets to try'),
          h('span', { class: 'quiet' }, 'their keys are no secret'),
        ),
        failed,
        host,
      ),
      provider !== undefined &&
        h(
          'section',
          { class: 'card' },
          h('header', { class: 'card-head' }, h('h2', null, 'Your own')),
          h(
            'button',
            {
              class: 'button button-main',
              type: 'button',
              on: {
                click: (/** @type {any} */ { currentTarget }) =>
                  void enter(currentTarget, () => signInByProvider(provider)),
              },
            },
            'Use the wallet of this browser',
          ),
        ),
    ),
    refresh: () => void state.refresh(),
    close: state.close,
  }
}

/**
 * @param {import('./account.js').DemoWallet} wallet
 * @param {(button: HTMLButtonElement, work: () => Promise<import('./account.js').Account | undefined>) => Promise<void>} enter
 */
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
    h(
      'button',
      {
        class: 'button',
        type: 'button',
        'aria-label': `Sign in as ${name}`,
        on: { click: (/** @type {any} */ { currentTarget }) => void enter(currentTarget, () => signInByDemo(address)) },
      },
      'Sign in',
    ),
  )
}
