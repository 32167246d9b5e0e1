// @ts-check
// Small pieces that several views have: tiles, a card with a state, a choice of days, and a pace for what refreshes.

import { fill, h } from '/kit/dom.js'
import { ApiError } from '/kit/fetch-json.js'
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
 * @param {{ id: string, title: string, note?: string, span: string, aside?: Node }} card
 * @param {import('/kit/state.js').StateOptions<Data>} options
 */
export function createCard({ id, title, note, span, aside }, options) {
  const host = h('div', { id })
  const head = h(
    'header',
    { class: 'card-head' },
    h('h2', { id: `${id}-title` }, title),
    note !== undefined && h('span', { class: 'quiet' }, note),
    aside,
  )
  const element = h('section', { class: `card ${span}`, 'aria-labelledby': `${id}-title` }, head, host)
  return { element, state: createState(host, options) }
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
 * @param {{ id: string, title: string, note?: string, span: string }} card
 * @param {{ days: number, choices: readonly { label: string, days: number }[] }} time `days`: chosen at the beginning.
 * @param {Omit<import('/kit/state.js').StateOptions<Data>, 'load'> & { load: (days: number, signal: AbortSignal) => Promise<Data> }} options
 */
export function createDaysCard(card, { days, choices }, { load, ...options }) {
  let chosen = days
  const aside = createDays(choices, {
    days,
    onChange: (now) => {
      chosen = now
      void made.state.refresh()
    },
  })
  const made = createCard({ ...card, aside }, { ...options, load: (signal) => load(chosen, signal) })
  return made
}

/**
 * @param {readonly { label: string, days: number }[]} choices
 * @param {{ days: number, onChange: (days: number) => void }} options `days`: chosen at the beginning.
 */
function createDays(choices, { days, onChange }) {
  const buttons = choices.map((choice) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(choice.days === days),
        on: {
          click: () => {
            buttons.forEach((button, index) => button.setAttribute('aria-pressed', String(choices[index] === choice)))
            onChange(choice.days)
          },
        },
      },
      choice.label,
    ),
  )
  return h('div', { class: 'segments', role: 'group', 'aria-label': 'Time' }, ...buttons)
}

/**
 * undefined: there is no such thing. Other refusals stay errors.
 * @param {Promise<any>} asked
 * @returns {Promise<any>}
 */
export async function orNothing(asked) {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

/**
 * At once, and then once in `everyMs` at most, the last of them never left out.
 * @param {() => void} work
 * @param {number} everyMs
 * @returns {{ (): void, stop(): void }}
 */
export function createPace(work, everyMs) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let isAsked = false
  const run = () => {
    isAsked = false
    work()
    timer = setTimeout(() => {
      timer = undefined
      if (isAsked) run()
    }, everyMs)
  }
  const ask = () => {
    if (timer === undefined) run()
    else isAsked = true
  }
  return Object.assign(ask, { stop: () => clearTimeout(timer) })
}

/** @param {string} address */
export function artistHref(address) {
  return `#/artists/${encodeURIComponent(address)}`
}
