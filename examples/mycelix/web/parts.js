// @ts-check
// Small pieces that several views have: tiles, a card with a state, a choice of days.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { createSegments } from '/kit/segments.js'
import { createState } from '/kit/state.js'

/**
 * @typedef {object} View
 * @property {string} title
 * @property {readonly import('/kit/live/index.js').TopicSpec[]} topics What it is about: at each change of them it is refreshed.
 * @property {() => Promise<void>} refresh
 * @property {() => void} close
 *
 * @typedef {object} Context
 * @property {(path: string, signal?: AbortSignal) => Promise<any>} load Reads at least what the last live event told of.
 * @property {import('./playing.js').Playing} playing
 */

/**
 * A card, whose body is loading, full, empty or failed.
 * @template Data
 * @param {import('/kit/card.js').CardHead & { id: string }} card `id`: of the body.
 * @param {import('/kit/state.js').StateOptions<Data>} options
 */
export function createStateCard({ id, ...head }, options) {
  const host = h('div', { id })
  return { element: createCard({ ...head, titleId: `${id}-title` }, host), state: createState(host, options) }
}

/**
 * Values change in their place.
 * @param {HTMLElement} host
 * @param {readonly { label: string, value: string, unit?: string, note?: string }[]} tiles
 */
export function showTiles(host, tiles) {
  host.className = 'tiles'
  while (host.children.length > tiles.length) host.lastElementChild?.remove()
  tiles.forEach(({ label, value, unit, note }, index) => {
    const tile = host.children[index] ?? host.appendChild(h('div', { class: 'tile' }))
    fill(
      tile,
      h('p', { class: 'tile-label' }, label),
      h('p', { class: 'tile-value' }, value, unit !== undefined && h('small', null, ` ${unit}`)),
      note !== undefined && h('p', { class: 'tile-note' }, note),
    )
  })
}

/**
 * A card about as many days back as are chosen in it.
 * @template Data
 * @param {import('/kit/card.js').CardHead & { id: string }} card
 * @param {{ days: number, choices: readonly { label: string, days: number }[] }} time `days`: chosen at the beginning.
 * @param {Omit<import('/kit/state.js').StateOptions<Data>, 'load'> & { load: (days: number, signal: AbortSignal) => Promise<Data> }} options
 */
export function createDaysCard(card, { days, choices }, { load, ...options }) {
  let chosen = days
  const aside = createSegments({
    label: 'Time',
    choices: choices.map((choice) => [String(choice.days), choice.label]),
    chosen: String(days),
    onChoose: (now) => {
      chosen = Number(now)
      void made.state.refresh()
    },
  })
  const made = createStateCard({ ...card, aside }, { ...options, load: (signal) => load(chosen, signal) })
  return made
}

/** @param {string} address */
export function artistHref(address) {
  return `#/artists/${encodeURIComponent(address)}`
}
