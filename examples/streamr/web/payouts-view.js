// @ts-check
// Payouts: what the last hour would pay, computed in three ways that agree, and what was paid.

import { createCard } from '/kit/card.js'
import { createBars } from '/kit/chart-bars.js'
import { fill, h } from '/kit/dom.js'
import { formatCount, formatDuration, formatTime } from '/kit/format.js'
import { createState } from '/kit/state.js'
import { amountOf, formatTokens, tokensOf } from './money.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, read, write } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createThreeWays } from './three-ways.js'
import { createTile } from '/kit/tiles.js'

/**
 * @typedef {{ stream_id: string, pool: string, paid: string, nodes: number }} StreamPayout
 * @typedef {{
 *   run_id: string, as_of: string, hours_back: number, computed_by: string, streams: number, nodes: number, total: string,
 *   duration_ms: string,
 * }} Run
 */

const mostStreams = 10

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createPayoutsView({ person, say }) {
  const preview = createPreview()
  const isOperator = person?.is_operator === true
  const ways = createThreeWays({ isOperator })
  const runs = createRuns({ isOperator, say })
  const refreshRuns = createSoon(runs.refresh)
  const refreshPreview = createSoon(preview.refresh, 10_000)
  return {
    title: 'Payouts',
    element: h(
      'div',
      { class: 'view' },
      h('h1', null, 'Payouts'),
      preview.tiles,
      h('div', { class: 'grid' }, preview.element, ways.element, runs.element),
    ),
    refresh: () => {
      refreshPreview()
      refreshRuns()
    },
    topics: () => [
      {
        topic: { table: 'payout_runs' },
        onChange: () => {
          refreshRuns()
          refreshPreview()
        },
      },
    ],
    close: () => {
      preview.close()
      ways.close()
      runs.close()
    },
  }
}

function createPreview() {
  const [total, streams, nodes] = ['The last hour would pay', 'Streams that pay', 'Nodes'].map(createTile)
  const tiles = h(
    'div',
    { class: 'tiles', id: 'preview-tiles', hidden: true },
    total?.element,
    streams?.element,
    nodes?.element,
  )
  const host = h('div', { id: 'preview' })
  const until = h('span', { class: 'quiet' })
  /** @type {ReturnType<typeof createBars> | undefined} */
  let bars
  const state = createState(host, {
    load: async (signal) => {
      const answer = await read('/payouts?hours_back=1', signal)
      return { ...answer, paying: answer.streams.filter((/** @type {StreamPayout} */ { paid }) => paid !== '0') }
    },
    isEmpty: ({ paying }) => {
      tiles.hidden = paying.length === 0
      return paying.length === 0
    },
    render: (answer, body) => {
      /** @type {StreamPayout[]} */
      const paying = answer.paying
      until.textContent = `up to ${formatTime(answer.as_of)}`
      total?.set(formatTokens(answer.total), `up to ${formatTime(answer.as_of)}`, 'tokens')
      streams?.set(formatCount(paying.length), 'on air, watched, with a balance')
      nodes?.set(formatCount(paying.reduce((sum, one) => sum + one.nodes, 0)), 'measured in that hour')
      bars ??= createBars(body, {
        label: 'Streams by what they would pay',
        format: (tokens) => formatTokens(amountOf(tokens), { unit: 'tokens' }),
      })
      bars.update(
        paying
          .toSorted((a, b) => (BigInt(a.paid) === BigInt(b.paid) ? 0 : BigInt(a.paid) > BigInt(b.paid) ? -1 : 1))
          .slice(0, mostStreams)
          .map(({ stream_id, paid, nodes: count }) => ({
            key: stream_id,
            label: stream_id,
            value: tokensOf(paid),
            note: `${formatCount(count)} ${count === 1 ? 'node' : 'nodes'}`,
            href: pathOf`#/streams/${stream_id}`,
          })),
      )
    },
    empty: {
      title: 'Nothing to pay',
      hint: 'Streams pay that are on air, watched, and whose nodes were measured in the last hour.',
    },
  })
  return {
    tiles,
    element: createCard({ title: 'Preview of the last hour', aside: until, look: 'span-7' }, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {{ isOperator: boolean, say: (text: string) => void }} options */
function createRuns({ isOperator, say }) {
  const host = h('div', { id: 'runs' })
  const told = h('span', { class: 'quiet', role: 'status' })
  const list = createPagedList(host, {
    name: 'runs',
    path: () => '/payouts/runs?limit=8',
    keyOf: (/** @type {Run} */ { run_id }) => run_id,
    row: createRun,
    label: 'Payouts that were made',
    empty: { title: 'No payouts yet', hint: 'One is made five minutes after each hour.' },
    more: 'Show older payouts',
  })
  const pay = async () => {
    button.disabled = true
    try {
      const run = await write('POST', '/payouts?hours_back=1')
      told.textContent = run.is_new
        ? `Payout ${run.run_id} was made`
        : `Payout ${run.run_id} was made already: an hour is paid once`
      say(told.textContent)
      await list.refresh()
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error)
    } finally {
      button.disabled = false
    }
  }
  const button = h(
    'button',
    { class: 'button', type: 'button', on: { click: () => void pay() } },
    'Pay the last full hour',
  )
  return {
    element: createCard({ title: 'Made', aside: isOperator && h('span', { class: 'row' }, told, button) }, host),
    refresh: list.refresh,
    close: list.close,
  }
}

/** @param {Run} run */
function createRun({ run_id, as_of }) {
  const note = h('span', { class: 'row-note' })
  const total = h('span', { class: 'row-number' })
  return {
    element: h(
      'li',
      null,
      h('span', { class: 'row-main' }, h('span', null, `${formatTime(as_of)} · payout ${run_id}`), h('br'), note),
      total,
    ),
    /** @param {Run} run */
    set: ({ streams, nodes, total: sum, computed_by, duration_ms, hours_back }) => {
      const hours = hours_back === 1 ? '' : `${hours_back} hours, `
      note.textContent = `${hours}${formatCount(nodes)} nodes of ${formatCount(streams)} streams, by ${computed_by} in ${formatDuration(Number(duration_ms))}`
      fill(total, formatTokens(sum), h('small', null, 'tokens'))
    },
  }
}
