// @ts-check
// What has been reported of late, in numbers: the queue, reports by the day, their reasons, wallets that come up again and again.

import { createBars } from '/kit/chart-bars.js'
import { createLines } from '/kit/chart-lines.js'
import { fill, h } from '/kit/dom.js'
import { formatAgo, formatNumber, formatPercent } from '/kit/format.js'
import { read } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createTile } from '/kit/tiles.js'
import { reasons } from './dealings.js'
import { shortAddress } from './session-words.js'

/**
 * @typedef {{ day: string, reason: string, reports: number, upheld: number, dismissed: number }} Day
 * @typedef {{ address: string, reports: number, upheld: number }} Wallet
 * @typedef {{ queue: { open: number, claimed: number, oldest: string | null }, days: readonly Day[], wallets: readonly Wallet[] }} Statistics
 */

const days = 30
const dayMs = 86_400_000
const mostWallets = 8

export function createStatistics() {
  const host = h('div', { id: 'statistics' })
  const open = createTile('Open')
  const taken = createTile('Taken')
  const recent = createTile('Reports in 30 days')
  const upheld = createTile('Upheld')
  const places = { byDay: h('div'), byReason: h('div'), byWallet: h('div') }
  /** @type {{ update(data: import('/kit/chart-lines.js').LineData): void, close(): void } | undefined} */
  let lines
  /** @type {ReturnType<typeof createBars> | undefined} */
  let byReason
  /** @type {ReturnType<typeof createBars> | undefined} */
  let byWallet
  const state = createState(host, {
    load: async (signal) => /** @type {Statistics} */ (await read(`/moderation/stats?days=${days}`, signal)),
    render: (found, body) => {
      if (lines === undefined) {
        fill(body, ...sections(places))
        lines = createLines(places.byDay, { label: 'Reports a day', lines: [{ label: 'Reports' }], height: 160 })
        byReason = createBars(places.byReason, { label: 'Reports by reason', isRanked: false, format: formatNumber })
        byWallet = createBars(places.byWallet, { label: 'Wallets reported most', format: formatNumber })
      }
      showTiles(found)
      lines.update(byDayOf(found.days))
      byReason?.update(byReasonOf(found.days))
      byWallet?.update(
        found.wallets.slice(0, mostWallets).map(({ address, reports, upheld: so }) => ({
          key: address,
          label: shortAddress(address),
          value: reports,
          note: so === 0 ? '' : `${so} upheld`,
        })),
      )
    },
    skeleton: 'chart',
  })
  /** @param {Statistics} statistics */
  const showTiles = ({ queue, days: all }) => {
    const sum = (/** @type {(day: Day) => number} */ of) => all.reduce((total, day) => total + of(day), 0)
    const decided = sum((day) => day.upheld + day.dismissed)
    open.set(
      formatNumber(queue.open),
      queue.oldest === null ? 'nothing waits' : `the oldest ${formatAgo(queue.oldest)}`,
    )
    taken.set(formatNumber(queue.claimed), 'being looked at')
    recent.set(formatNumber(sum((day) => day.reports)))
    upheld.set(decided === 0 ? '–' : formatPercent(sum((day) => day.upheld) / decided), 'of those decided')
  }
  return {
    tiles: h(
      'section',
      { class: 'tiles', 'aria-label': 'Reports in numbers' },
      ...[open, taken, recent, upheld].map(({ element }) => element),
    ),
    element: h('section', { class: 'card span-5 side' }, host),
    refresh: state.refresh,
    close: () => {
      state.close()
      lines?.close()
    },
  }
}

/** @param {{ byDay: HTMLElement, byReason: HTMLElement, byWallet: HTMLElement }} places */
function sections({ byDay, byReason, byWallet }) {
  return [
    h('h2', { class: 'part-title' }, 'By the day'),
    byDay,
    h('h2', { class: 'part-title' }, 'By reason'),
    byReason,
    h('h2', { class: 'part-title' }, 'Wallets, in seven days'),
    byWallet,
  ]
}

/** Days without a report are there, too. @param {readonly Day[]} found @returns {import('/kit/chart-lines.js').LineData} */
function byDayOf(found) {
  const counts = new Map()
  for (const { day, reports } of found) counts.set(Date.parse(day), (counts.get(Date.parse(day)) ?? 0) + reports)
  const today = Math.floor(Date.now() / dayMs) * dayMs
  const times = Array.from({ length: days }, (_, index) => today - (days - 1 - index) * dayMs)
  return { times, values: [times.map((time) => counts.get(time) ?? 0)] }
}

/** @param {readonly Day[]} found */
function byReasonOf(found) {
  return reasons
    .map(([key, label]) => ({
      key,
      label,
      value: found.filter(({ reason }) => reason === key).reduce((sum, { reports }) => sum + reports, 0),
    }))
    .toSorted((a, b) => b.value - a.value)
}
