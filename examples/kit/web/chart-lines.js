// @ts-check
// Lines over time, by uPlot: as wide as their place, in the colours of the page, with what stands under the pointer.
// The page has to load /kit/uplot.css.

import uPlot from '/kit/uplot.js'
import { fill, h } from './dom.js'
import { formatCount, formatTime } from './format.js'
import { colourOf, onColours } from './motion.js'

/**
 * @typedef {object} LineData
 * @property {readonly (string | number | Date)[]} times Ascending; a number is milliseconds since 1970.
 * @property {readonly (readonly (number | null)[])[]} values One list for each line; null is a gap.
 */

/**
 * @param {HTMLElement} host
 * @param {{
 *   label: string,
 *   lines: readonly { label: string, colour?: string }[],
 *   format?: (value: number) => string,
 *   height?: number,
 *   fromZero?: boolean,
 * }} options `label`: what is shown, for those who cannot see it. `colour`: the name of a colour of the design. `fromZero`: whether the
 *   axis begins there; default: yes. Without, small changes of something large can be seen.
 * @returns {{ update(data: LineData): void, close(): void }}
 */
export function createLines(host, { label, lines, format = formatCount, height = 220, fromZero = true }) {
  const plot = h('div', { class: 'lines-plot', role: 'img' })
  const tip = h('div', { class: 'lines-tip', hidden: true })
  const colours = lines.map(({ colour }, index) => colour ?? (index === 0 ? '--accent' : `--c${index + 1}`))
  const legend = h(
    'ul',
    { class: 'legend' },
    ...lines.map((line, index) => legendItem(line.label, colours[index] ?? '')),
  )
  fill(host, lines.length > 1 && legend, h('div', { class: 'lines', style: { height: `${height}px` } }, plot, tip))
  /** @type {uPlot | undefined} */
  let chart
  /** @type {LineData} */
  let shown = { times: [], values: [] }

  const draw = () => {
    chart?.destroy()
    chart = undefined
    const { times, values } = shown
    plot.setAttribute('aria-label', describe({ label, lines, format }, shown))
    if (times.length === 0) return fill(plot, h('p', { class: 'lines-none' }, 'No data for this time'))
    fill(plot)
    const options = { width: plot.clientWidth, height, ...looks({ host, lines, colours, format, fromZero }) }
    /** @param {uPlot} self */
    const setCursor = (self) => showTip({ chart: self, tip, lines, colours, format })
    chart = new uPlot(
      { ...options, hooks: { setCursor: [setCursor] } },
      [times.map((time) => new Date(time).getTime() / 1000), ...values.map((list) => [...list])],
      plot,
    )
  }
  const observer = new ResizeObserver(() => {
    const width = plot.clientWidth
    if (chart !== undefined && width > 0 && width !== chart.width) chart.setSize({ width, height })
  })
  observer.observe(plot)
  const forget = onColours(draw)
  return {
    update: (data) => {
      shown = data
      draw()
    },
    close: () => {
      forget()
      observer.disconnect()
      chart?.destroy()
    },
  }
}

/** @param {string} label @param {string} colour */
function legendItem(label, colour) {
  return h('li', null, h('span', { class: 'swatch', style: { '--swatch': `var(${colour})` } }), label)
}

/**
 * @param {{ label: string, lines: readonly { label: string }[], format: (value: number) => string }} options
 * @param {LineData} data
 */
function describe({ label, lines, format }, { times, values }) {
  if (times.length === 0) return `${label}: no data`
  const last = lines.map((line, index) => {
    const value = values[index]?.at(-1)
    return `${line.label} ${value === null || value === undefined ? 'none' : format(value)}`
  })
  return `${label}: ${times.length} points, the last ${formatTime(times.at(-1) ?? 0)}, ${last.join(', ')}`
}

/**
 * @param {{
 *   host: HTMLElement, lines: readonly { label: string }[], colours: readonly string[],
 *   format: (value: number) => string, fromZero: boolean,
 * }} options
 */
function looks({ host, lines, colours, format, fromZero }) {
  const quiet = colourOf(host, '--quiet')
  const grid = { stroke: colourOf(host, '--line'), width: 1 }
  const font = `11px ${getComputedStyle(host).fontFamily}`
  const axis = { stroke: quiet, font, ticks: { show: false } }
  return {
    legend: { show: false },
    padding: /** @type {[number, number, number, number]} */ ([8, 12, 0, 0]),
    cursor: { y: false, points: { size: 8 }, drag: { x: false, y: false } },
    scales: { y: { range: fromZero ? rangeOf : closeRangeOf } },
    axes: [
      { ...axis, grid: { show: false }, space: 72, size: 28, values: timeLabels },
      {
        ...axis,
        grid,
        size: widthOf,
        space: 40,
        /** @param {unknown} _ @param {number[]} values */
        values: (_, values) => values.map(format),
      },
    ],
    series: [
      {},
      ...lines.map((line, index) => {
        const stroke = colourOf(host, colours[index] ?? '--accent')
        return {
          label: line.label,
          stroke,
          width: 2,
          points: { show: false },
          ...(lines.length === 1 ? { fill: fillOf(stroke) } : {}),
        }
      }),
    ],
  }
}

/** 09:00 within two days, 22 Nov over more. @param {unknown} _ @param {number[]} seconds */
function timeLabels(_, seconds) {
  const spanS = (seconds.at(-1) ?? 0) - (seconds[0] ?? 0)
  /** @type {Intl.DateTimeFormatOptions} */
  const shape = spanS <= 172_800 ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' }
  return seconds.map((second) => new Date(second * 1000).toLocaleString('en-GB', shape))
}

/** As much as the longest label takes at 11 px. @param {uPlot} _ @param {readonly string[] | null} labels */
function widthOf(_, labels) {
  return Math.max(52, ...(labels ?? []).map((label) => label.length * 6.4 + 8))
}

/** From 0, with room above; flat data has a height, too. @param {uPlot} _ @param {number} least @param {number} most */
function rangeOf(_, least, most) {
  /** @type {[number, number]} */
  const range = [Math.min(0, least ?? 0), most > 0 ? most * 1.08 : 1]
  return range
}

/** Around the data, with room on both sides. @param {uPlot} _ @param {number} least @param {number} most */
function closeRangeOf(_, least, most) {
  const [low, high] = [least ?? 0, most ?? 0]
  const room = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1
  /** @type {[number, number]} */
  const range = [low >= 0 ? Math.max(0, low - room) : low - room, high + room]
  return range
}

/** @param {string} stroke @returns {(chart: uPlot) => CanvasGradient} */
function fillOf(stroke) {
  return ({ ctx, bbox }) => {
    const gradient = ctx.createLinearGradient(0, bbox.top, 0, bbox.top + bbox.height)
    gradient.addColorStop(0, `color-mix(in srgb, ${stroke} 24%, transparent)`)
    gradient.addColorStop(1, `color-mix(in srgb, ${stroke} 0%, transparent)`)
    return gradient
  }
}

/**
 * @param {{
 *   chart: uPlot, tip: HTMLElement, lines: readonly { label: string }[], colours: readonly string[],
 *   format: (value: number) => string,
 * }} options
 */
function showTip({ chart, tip, lines, colours, format }) {
  const { idx, left = 0 } = chart.cursor
  const second = idx === null || idx === undefined ? undefined : chart.data[0]?.[idx]
  tip.hidden = second === undefined || left < 0
  if (tip.hidden || second === undefined) return
  fill(
    tip,
    h('p', null, formatTime(second * 1000)),
    ...lines.map((line, index) => {
      const value = chart.data[index + 1]?.[idx ?? 0]
      return h(
        'p',
        { class: 'lines-tip-row' },
        h('span', { class: 'swatch', style: { '--swatch': `var(${colours[index] ?? ''})` } }),
        line.label,
        h('b', null, value === null || value === undefined ? '–' : format(value)),
      )
    }),
  )
  const x = chart.bbox.left / devicePixelRatio + left
  const isRight = x > chart.width / 2
  tip.style.setProperty('left', `${isRight ? x - tip.offsetWidth - 12 : x + 12}px`)
}
