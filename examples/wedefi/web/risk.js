// @ts-check
// Risk of a portfolio or a token over a timeframe, as figures with what each means.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { formatNumber } from '/kit/format.js'
import { read } from '/kit/reading.js'
import { createSegments } from '/kit/segments.js'
import { createState } from '/kit/state.js'
import { createTile } from '/kit/tiles.js'
import { formatShare, formatShareChange } from './money.js'

export const timeframes = /** @type {const} */ (['24h', '7d', '30d', '90d', '1y'])

/** @param {{ label: string, chosen: string, onChoose: (timeframe: string) => void }} options */
export function createTimeframes(options) {
  return createSegments({ ...options, choices: timeframes.map((timeframe) => [timeframe, timeframe]) })
}

/** @param {{ path: string, look?: string }} options `path`: of the figures, without a timeframe. */
export function createRisk({ path, look }) {
  let timeframe = '30d'
  const host = h('div', { id: 'risk' })
  const [went, volatility, var95, var99, drawdown] = [
    'Return',
    'Volatility',
    'Value at risk, 95 %',
    'Value at risk, 99 %',
    'Largest drawdown',
  ].map(createTile)
  const tiles = h(
    'div',
    { class: 'tiles tiles-inner' },
    ...[went, volatility, var95, var99, drawdown].map((tile) => tile?.element),
  )
  const note = h('p', { class: 'quiet risk-note' })
  const state = createState(host, {
    load: async (signal) => await orNothing(read(`${path}?timeframe=${timeframe}`, signal)),
    isEmpty: (risk) => risk === undefined || risk.returns === 0,
    empty: { title: 'Too few prices', hint: 'Risk is told of whole hours and days that have prices.' },
    render: (risk, body) => {
      if (!body.contains(tiles)) fill(body, tiles, note)
      const step = timeframe === '24h' || timeframe === '7d' ? 'hour' : 'day'
      went?.set(orDash(risk.totalReturn, formatShareChange), `in ${timeframe}`)
      volatility?.set(orDash(risk.volatility, formatShare), 'by the year')
      var95?.set(orDash(risk.var95, formatShare), `one ${step} in 20 lost as much`)
      var99?.set(orDash(risk.var99, formatShare), `one ${step} in 100 lost as much`)
      drawdown?.set(orDash(risk.maxDrawdown, formatShare), 'from the highest value')
      const covered = typeof risk.covered === 'number' ? `; ${formatShare(risk.covered)} of the value has prices` : ''
      note.textContent = `Of ${formatNumber(risk.returns)} returns, one ${step === 'hour' ? 'an hour' : 'a day'}${covered}.`
    },
    skeleton: 'tiles',
    rows: 5,
  })
  const aside = createTimeframes({
    label: 'Timeframe of risk',
    chosen: timeframe,
    onChoose: (chosen) => {
      timeframe = chosen
      void state.refresh()
    },
  })
  return {
    element: createCard({ title: 'Risk', aside, look }, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {number | null} value @param {(value: number) => string} format */
function orDash(value, format) {
  return value === null ? '–' : format(value)
}
