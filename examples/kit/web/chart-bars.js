// @ts-check
// A ranked list with bars. New values grow, and rows move to their new place, so that the eye can follow them.

import { h } from './dom.js'
import { formatCount } from './format.js'
import { movesFreely } from './motion.js'

/**
 * @typedef {object} BarItem
 * @property {string | number} key The same row keeps the same key.
 * @property {string} label
 * @property {number} value
 * @property {string} [note] Below the label.
 * @property {string} [href]
 */

/**
 * @param {HTMLElement} host
 * @param {{
 *   label: string, format?: (value: number) => string, isRanked?: boolean, action?: (item: BarItem) => HTMLElement,
 * }} options `label`: what the list is, for those who cannot see it. `isRanked`: numbers before the labels; default: yes. `action`:
 *   what stands at the end of a row, made once for each key.
 * @returns {{ update(items: readonly BarItem[]): void }}
 */
export function createBars(host, { label, format = formatCount, isRanked = true, action }) {
  const list = h('ol', {
    class: `bars${isRanked ? ' bars-ranked' : ''}${action === undefined ? '' : ' bars-acting'}`,
    'aria-label': label,
  })
  /** @type {Map<string | number, ReturnType<typeof createRow>>} */
  const rows = new Map()
  host.replaceChildren(list)
  return {
    update: (items) => {
      const before = new Map([...rows].map(([key, { element }]) => [key, element.offsetTop]))
      const most = Math.max(0, ...items.map(({ value }) => value))
      const kept = new Set(items.map(({ key }) => key))
      for (const [key, { element }] of rows) {
        if (kept.has(key)) continue
        element.remove()
        rows.delete(key)
      }
      items.forEach((item, index) => {
        const row = rows.get(item.key) ?? createRow(item, action)
        rows.set(item.key, row)
        row.set(item, {
          rank: index + 1,
          share: most > 0 ? Math.max(0, item.value) / most : 0,
          text: format(item.value),
        })
        if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null)
      })
      if (movesFreely()) for (const [key, { element }] of rows) move(element, before.get(key))
    },
  }
}

/** @param {BarItem} item @param {((item: BarItem) => HTMLElement) | undefined} action */
function createRow(item, action) {
  const { href } = item
  const rank = h('span', { class: 'bar-rank', 'aria-hidden': 'true' })
  const name = h(href === undefined ? 'span' : 'a', { class: 'bar-name' })
  const note = h('span', { class: 'bar-note' })
  const value = h('span', { class: 'bar-value' })
  const filled = h('span', { class: 'bar-fill', style: { '--share': 0 } })
  const element = h(
    'li',
    { class: 'bar' },
    rank,
    h('span', { class: 'bar-label' }, name, note),
    value,
    action !== undefined && h('span', { class: 'bar-action' }, action(item)),
    h('span', { class: 'bar-track', 'aria-hidden': 'true' }, filled),
  )
  return {
    element,
    /** @param {BarItem} item @param {{ rank: number, share: number, text: string }} shown */
    set: (item, shown) => {
      rank.textContent = String(shown.rank)
      name.textContent = item.label
      name.title = item.label
      if (item.href !== undefined) name.setAttribute('href', item.href)
      note.textContent = item.note ?? ''
      value.textContent = shown.text
      filled.style.setProperty('--share', String(shown.share))
    },
  }
}

/** From where it was to where it is; a new one fades in. @param {HTMLElement} element @param {number | undefined} beforeTop */
function move(element, beforeTop) {
  const options = { duration: 400, easing: 'cubic-bezier(0.2, 0, 0, 1)' }
  if (beforeTop === undefined) return void element.animate([{ opacity: 0 }, { opacity: 1 }], options)
  const distance = beforeTop - element.offsetTop
  if (distance !== 0) element.animate([{ transform: `translateY(${distance}px)` }, { transform: 'none' }], options)
}
