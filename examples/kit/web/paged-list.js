// @ts-check
// A list of the service that goes on for longer than is shown: the newest page, older ones by "Show more".
//
// Promises: while it is brought up to date, rows that are there keep their elements, what was shown further down stays, and nothing is
// shown twice. A page that cannot be had says so where it was asked for.

import { fill, h } from './dom.js'
import { createBanner, createState } from './state.js'
import { isTakenCareOf, read } from './reading.js'

/**
 * @template Item
 * @typedef {object} PagedListOptions
 * @property {string} name The name of the list in the answer.
 * @property {() => string} path Of the first page, its query included.
 * @property {(item: Item) => string} keyOf
 * @property {(item: Item) => { element: HTMLElement, set?: (item: Item) => void }} row
 * @property {string} label For those who cannot see it.
 * @property {{ title: string, hint?: string }} empty
 * @property {string} [more]
 * @property {string} [className]
 * @property {number} [rows] Of the skeleton.
 * @property {(answer: any) => void} [onAnswer] The newest answer, with what stands beside the list.
 */

/**
 * @template Item
 * @param {HTMLElement} host
 * @param {PagedListOptions<Item>} options
 */
export function createPagedList(host, options) {
  const { name, path, keyOf, empty, more = 'Show more', rows: bones = 5, onAnswer } = options
  const list = h('ul', { class: `rows ${options.className ?? ''}`, 'aria-label': options.label })
  const keyed = createKeyed(list, options)
  /** @type {readonly Item[]} */
  let items = []
  /** @type {string | null} */
  let next = null
  let wanted = ''

  const state = createState(host, {
    load: async (signal) => {
      wanted = path()
      const answer = await read(wanted, signal)
      onAnswer?.(answer)
      return { page: /** @type {Item[]} */ (answer[name]), next: /** @type {string | null} */ (answer.next ?? null) }
    },
    isEmpty: ({ page }) => page.length === 0,
    render: (answer, body) => {
      ;({ items, next } = join({ ...answer, items, before: next, keyOf }))
      if (!body.contains(list)) fill(body, list, foot.element)
      draw()
    },
    empty,
    rows: bones,
  })
  const showMore = async () => {
    const from = wanted
    const last = list.lastElementChild
    const answer = await read(`${from}${from.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(next ?? '')}`)
    // Another list was chosen meanwhile.
    if (from !== wanted) return
    const known = new Set(items.map(keyOf))
    items = [...items, .../** @type {Item[]} */ (answer[name]).filter((item) => !known.has(keyOf(item)))]
    next = answer.next
    draw()
    // Whoever came by keyboard goes on where the new rows begin.
    focusFirst(last?.nextElementSibling)
  }
  const foot = createFoot(more, showMore)
  const draw = () => {
    keyed.update(items)
    foot.draw(next !== null)
  }
  return {
    refresh: state.refresh,
    close: state.close,
    /** Another list: nothing of this one stays. */
    begin: () => {
      items = []
      next = null
      return state.refresh()
    },
    /** @param {(items: readonly Item[]) => readonly Item[]} work What became of rows that are shown. */
    change: (work) => {
      items = work(items)
      if (host.dataset['state'] !== 'full') return
      if (items.length === 0 && next === null) void state.refresh()
      else draw()
    },
    items: () => items,
  }
}

/** Below the list: a button for more of it, or why that cannot be had. @param {string} text @param {() => Promise<void>} work */
function createFoot(text, work) {
  const element = h('div', { class: 'rows-foot' })
  const run = async () => {
    element.setAttribute('aria-busy', 'true')
    try {
      await work()
    } catch (error) {
      if (isTakenCareOf(error)) return
      const message = error instanceof Error ? error.message : String(error)
      fill(element, createBanner({ message, onRetry: () => void run() }))
    } finally {
      element.removeAttribute('aria-busy')
    }
  }
  return {
    element,
    /** @param {boolean} isMore */
    draw: (isMore) =>
      fill(element, isMore && h('button', { class: 'button', type: 'button', on: { click: () => void run() } }, text)),
  }
}

/** @param {Element | null | undefined} row */
function focusFirst(row) {
  const target = row?.querySelector('a, button')
  if (target instanceof HTMLElement) target.focus({ preventScroll: true })
}

/**
 * The first page in front of what was shown below it.
 * @template Item
 * @param {{
 *   page: readonly Item[], next: string | null, items: readonly Item[], before: string | null, keyOf: (item: Item) => string,
 * }} options
 * @returns {{ items: readonly Item[], next: string | null }}
 */
export function join({ page, next, items, before, keyOf }) {
  const fresh = new Set(page.map(keyOf))
  const meet = items.findLastIndex((item) => fresh.has(keyOf(item)))
  const below = next === null || meet < 0 ? [] : items.slice(meet + 1).filter((item) => !fresh.has(keyOf(item)))
  return below.length === 0 ? { items: page, next } : { items: [...page, ...below], next: before }
}

/**
 * @template Item
 * @param {HTMLElement} list
 * @param {{ keyOf: (item: Item) => string, row: (item: Item) => { element: HTMLElement, set?: (item: Item) => void } }} options
 * @returns {{ update(items: readonly Item[]): void }}
 */
export function createKeyed(list, { keyOf, row }) {
  /** @type {Map<string, { element: HTMLElement, set?: (item: Item) => void }>} */
  const shown = new Map()
  return {
    update: (items) => {
      const kept = new Set(items.map(keyOf))
      for (const [key, { element }] of shown) {
        if (kept.has(key)) continue
        element.remove()
        shown.delete(key)
      }
      items.forEach((item, index) => {
        const key = keyOf(item)
        const known = shown.get(key)
        const one = known ?? row(item)
        if (known === undefined) shown.set(key, one)
        one.set?.(item)
        if (list.children[index] !== one.element) list.insertBefore(one.element, list.children[index] ?? null)
      })
    },
  }
}
