// @ts-check
// How a portfolio went: its value over a time that is chosen, what was gained or lost by then.

import { createCard } from '/kit/card.js'
import { createLines } from '/kit/chart-lines.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { pathOf, read } from '/kit/reading.js'
import { createSegments } from '/kit/segments.js'
import { createState } from '/kit/state.js'
import { formatChange, formatShareChange, formatShortUsd, toneOf } from './money.js'

const hourMs = 3_600_000
/** @type {Readonly<Record<string, { spanMs: number, grain: string }>>} */
export const ranges = {
  '24h': { spanMs: 24 * hourMs, grain: 'hour' },
  '7d': { spanMs: 7 * 24 * hourMs, grain: 'hour' },
  '30d': { spanMs: 30 * 24 * hourMs, grain: 'day' },
  '1y': { spanMs: 365 * 24 * hourMs, grain: 'day' },
}

/** A choice of the ranges. @param {{ label: string, chosen: string, onChoose: (range: string) => void }} options */
export function createRanges(options) {
  return createSegments({ ...options, choices: Object.keys(ranges).map((range) => [range, range]) })
}

const minuteMs = 60_000

/** The query of a range that ends now; of whole minutes, so that who asks again within one asks the same. @param {string} range */
export function spanOf(range) {
  const { spanMs, grain } = ranges[range] ?? { spanMs: 24 * hourMs, grain: 'hour' }
  const from = Math.floor((Date.now() - spanMs) / minuteMs) * minuteMs
  return pathOf`from=${new Date(from).toISOString()}&grain=${grain}`
}

/** @param {string} walletId */
export function createPnl(walletId) {
  let range = '7d'
  const host = h('div', { id: 'pnl' })
  const change = h('p', { class: 'pnl-change', id: 'pnl-change' })
  const place = h('div')
  /** @type {ReturnType<typeof createLines> | undefined} */
  let lines
  const state = createState(host, {
    load: (signal) => orNothing(read(`${pathOf`/portfolios/${walletId}/pnl`}?${spanOf(range)}`, signal)),
    isEmpty: (answer) => answer === undefined || answer.points.length === 0,
    empty: { title: 'Nothing known of this time', hint: 'Every five minutes the value of each wallet is kept.' },
    render: (answer, body) => {
      if (!body.contains(place)) fill(body, change, place)
      const { points, pnl, percent } = answer
      change.className = `pnl-change ${toneOf(pnl ?? 0)}`
      fill(
        change,
        formatChange(pnl ?? 0),
        h('small', null, percent === null ? '' : ` ${formatShareChange(percent / 100)}`),
      )
      lines ??= createLines(place, {
        label: 'Value of the portfolio',
        lines: [{ label: 'Value' }],
        format: formatShortUsd,
        height: 240,
        fromZero: false,
      })
      lines.update({
        times: points.map((/** @type {any} */ { bucket }) => bucket),
        values: [points.map((/** @type {any} */ { close }) => Number(close))],
      })
    },
    skeleton: 'chart',
  })
  const aside = createRanges({
    label: 'Range of profit and loss',
    chosen: range,
    onChoose: (chosen) => {
      range = chosen
      void state.refresh()
    },
  })
  return {
    element: createCard({ title: 'Profit and loss', aside, look: 'span-7' }, host),
    refresh: state.refresh,
    close: () => {
      lines?.close()
      state.close()
    },
  }
}
