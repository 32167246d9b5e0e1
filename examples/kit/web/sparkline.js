// @ts-check
// A line the size of a word: how it went, without axes.

import { s } from './dom.js'

/**
 * @param {{ values?: readonly number[], label: string, width?: number, height?: number }} options `label`: for those who cannot see it.
 * @returns {{ element: SVGSVGElement, update(values: readonly number[]): void }}
 */
export function createSparkline({ values = [], label, width = 96, height = 28 }) {
  const area = s('path', { class: 'spark-area' })
  const line = s('path', { class: 'spark-line' })
  const dot = s('circle', { class: 'spark-dot', r: 2.5 })
  const element = s(
    'svg',
    { class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': label },
    area,
    line,
    dot,
  )
  /** @param {readonly number[]} next */
  const update = (next) => {
    const points = place(next, { width, height })
    const path = points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('')
    const [lastX, lastY] = points.at(-1) ?? [0, 0]
    line.setAttribute('d', path)
    area.setAttribute('d', path === '' ? '' : `${path}L${lastX} ${height}L${points[0]?.[0] ?? 0} ${height}Z`)
    dot.setAttribute('cx', String(lastX))
    dot.setAttribute('cy', String(lastY))
    dot.toggleAttribute('hidden', points.length === 0)
    element.classList.toggle('spark-empty', points.length === 0)
  }
  update(values)
  return { element, update }
}

/** Half of the dot stands out on each side. */
const inset = 3

/** @param {readonly number[]} values @param {{ width: number, height: number }} size @returns {[number, number][]} */
function place(values, { width, height }) {
  const least = Math.min(...values)
  const span = Math.max(...values) - least
  const step = (width - 2 * inset) / Math.max(1, values.length - 1)
  return values.map((value, index) => {
    // A flat line stands in the middle.
    const up = span === 0 ? 0.5 : (value - least) / span
    return [round(inset + index * step), round(height - inset - up * (height - 2 * inset))]
  })
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10
}
