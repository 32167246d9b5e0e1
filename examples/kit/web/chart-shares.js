// @ts-check
// Shares of a whole as a ring, with a list beside it that says the same in words and numbers.

import { fill, h, s } from './dom.js'
import { formatCount, formatPercent } from './format.js'

/**
 * @typedef {object} Share
 * @property {string | number} key The same share keeps the same key.
 * @property {string} label
 * @property {number} value
 */

/** There are eight colours; the last is for the rest. */
const mostShares = 8
/** Of the whole ring: what stands between two shares. */
const gap = 0.6

/**
 * @param {HTMLElement} host
 * @param {{ label: string, unit?: string, format?: (value: number) => string }} options `unit`: what is counted, below the total.
 * @returns {{ update(shares: readonly Share[]): void }}
 */
export function createShares(host, { label, unit = '', format = formatCount }) {
  const arcs = s('g', { class: 'shares-arcs' })
  const ring = s(
    'svg',
    { viewBox: '0 0 120 120', class: 'shares-ring', role: 'img', 'aria-label': label },
    s('circle', { cx: 60, cy: 60, r: 50, class: 'shares-base' }),
    arcs,
  )
  const total = h('strong')
  const list = h('ul', { class: 'shares-list' })
  const centre = h('div', { class: 'shares-centre' }, total, h('span', null, unit))
  fill(host, h('div', { class: 'shares' }, h('div', { class: 'shares-plot' }, ring, centre), list))
  return {
    update: (shares) => {
      const shown = gather(shares)
      const sum = shown.reduce((all, { value }) => all + value, 0)
      total.textContent = format(sum)
      const parts = shown.map(({ value }) => (sum > 0 ? (value / sum) * 100 : 0))
      ring.setAttribute('aria-label', `${label}: ${shown.map((one, index) => said(one, parts[index] ?? 0)).join(', ')}`)
      drawArcs(arcs, parts)
      fill(
        list,
        ...shown.map((one, index) => listItem(one, { index, part: parts[index] ?? 0, text: format(one.value) })),
      )
    },
  }
}

/** The biggest, and the rest as one. @param {readonly Share[]} shares @returns {Share[]} */
function gather(shares) {
  const sorted = shares.filter(({ value }) => value > 0).toSorted((a, b) => b.value - a.value)
  if (sorted.length <= mostShares) return sorted
  const rest = sorted.slice(mostShares - 1)
  const value = rest.reduce((all, one) => all + one.value, 0)
  return [...sorted.slice(0, mostShares - 1), { key: 'rest', label: `${rest.length} others`, value }]
}

/** @param {Share} share @param {number} part */
function said({ label }, part) {
  return `${label} ${formatPercent(part / 100)}`
}

/** Arcs stay where they are and change their length, which CSS can animate. @param {SVGGElement} arcs @param {readonly number[]} parts */
function drawArcs(arcs, parts) {
  while (arcs.children.length > parts.length) arcs.lastElementChild?.remove()
  while (arcs.children.length < parts.length) {
    arcs.append(s('circle', { cx: 60, cy: 60, r: 50, pathLength: 100, class: 'shares-arc' }))
  }
  let begin = 0
  parts.forEach((part, index) => {
    const arc = /** @type {SVGElement} */ (arcs.children[index])
    const length = parts.length === 1 ? part : Math.max(0.2, part - gap)
    arc.style.setProperty('stroke', `var(--c${index + 1})`)
    arc.style.setProperty('stroke-dasharray', `${length} ${100 - length}`)
    arc.style.setProperty('stroke-dashoffset', String(-begin))
    begin += part
  })
}

/** @param {Share} share @param {{ index: number, part: number, text: string }} shown */
function listItem({ label }, { index, part, text }) {
  return h(
    'li',
    null,
    h('span', { class: 'swatch', style: { '--swatch': `var(--c${index + 1})` } }),
    h('span', { class: 'shares-label', title: label }, label),
    h('span', { class: 'shares-value' }, text),
    h('span', { class: 'shares-part' }, formatPercent(part / 100)),
  )
}
