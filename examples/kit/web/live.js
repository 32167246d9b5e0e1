// @ts-check
// The live client, and a badge that says how it stands.
//
// Promises: `onRefresh` is called at the beginning and wherever something may have been missed, so a page that fetches there and
// listens otherwise is never behind without saying so; what is read after an event shows at least that; and what was closed says nothing more.

import { openLive } from '/kit/live/index.js'
import { h } from './dom.js'
import { heard } from './reading.js'

/** @typedef {'connecting' | 'connected' | 'reconnecting' | 'offline'} LiveState */

/** After so long without a connection it is called offline. */
const offlineMs = 10_000

/** @type {Record<LiveState, [text: string, title: string]>} */
const texts = {
  connecting: ['Connecting', 'The first connection is being made.'],
  connected: ['Live', 'Changes appear as they happen.'],
  reconnecting: ['Reconnecting', 'The connection was lost; it is being made again.'],
  offline: ['Offline', 'What is shown may be old.'],
}

/**
 * @returns {{ element: HTMLElement, set(state: LiveState): void }}
 */
export function createLiveBadge() {
  const text = h('span')
  const element = h(
    'span',
    { class: 'live', role: 'status' },
    h('span', { class: 'live-dot', 'aria-hidden': 'true' }),
    text,
  )
  /** @param {LiveState} state */
  const set = (state) => {
    const [label, title] = texts[state]
    element.dataset['live'] = state
    element.title = title
    text.textContent = label
  }
  set('connecting')
  return { element, set }
}

/**
 * @param {{
 *   url?: string,
 *   subscriptions: readonly import('/kit/live/index.js').LiveSubscription[],
 *   onRefresh: (refresh: import('/kit/live/index.js').LiveRefresh) => void,
 *   badge?: { set(state: LiveState): void },
 *   withCredentials?: boolean,
 * }} options `url`: default '/live'. `onRefresh`: fetch everything that is shown; its `id` is the token to read with.
 * @returns {{ close(): void }}
 */
export function connectLive({ url = '/live', subscriptions, onRefresh, badge, withCredentials = false }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let isOpen = true
  /**
   * @template {{ readonly id: string }} Event
   * @param {((event: Event) => void) | undefined} listener
   * @returns {(event: Event) => void}
   */
  const hearing = (listener) => (event) => {
    if (!isOpen) return
    heard(event.id)
    listener?.(event)
  }
  const client = openLive({
    url,
    subscriptions: subscriptions.map(({ topic, onChange, onList }) => ({
      topic,
      onChange: hearing(onChange),
      onList: hearing(onList),
    })),
    withCredentials,
    onRefresh: hearing(onRefresh),
    onState: (state) => {
      if (state === 'waiting' && timer !== undefined) return
      clearTimeout(timer)
      timer = state === 'waiting' ? setTimeout(() => badge?.set('offline'), offlineMs) : undefined
      badge?.set(state === 'open' ? 'connected' : state === 'waiting' ? 'reconnecting' : 'offline')
    },
  })
  return {
    close: () => {
      isOpen = false
      clearTimeout(timer)
      client.close()
    },
  }
}
