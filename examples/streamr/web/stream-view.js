// @ts-check
// One stream: how it is watched and carried, who carries it, what is said under it, what it paid.

import { createCard } from '/kit/card.js'
import { createLines } from '/kit/chart-lines.js'
import { fill, h } from '/kit/dom.js'
import { formatCount, formatPercent } from '/kit/format.js'
import { createState } from '/kit/state.js'
import { createAgo } from '/kit/ago.js'
import { createComments } from './comments.js'
import { createLedger } from './ledger.js'
import { formatTokens } from './money.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, read } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createNodeBadge, createStreamBadge } from './status.js'
import { createTile } from '/kit/tiles.js'

/** @typedef {{ node_id: string, display_name: string | null, status: string, last_heartbeat: string | null }} CarryingNode */

/** @param {import('./page.js').Context} context @param {string} streamId @returns {import('./page.js').View} */
export function createStreamView({ person, say }, streamId) {
  const status = h('span')
  const comments = createComments({ streamId, person, say })
  const head = createHead({
    streamId,
    onStream: (stream) => {
      fill(
        status,
        createStreamBadge(stream.status),
        stream.excluded ? h('span', { class: 'badge badge-bad' }, 'Excluded') : null,
      )
      if (person?.is_operator === true || person?.wallet_address === stream.sponsor_address) comments.allowModeration()
    },
  })
  const chart = createChart(streamId)
  const nodes = createNodes(streamId)
  const ledger = createLedger({
    account: `stream:${streamId}`,
    hint: 'Once an hour a stream that is on air and watched pays the nodes that carry it.',
  })
  const parts = [head, chart, nodes, comments, ledger]
  const [refreshHead, refreshChart, refreshNodes] = [head, chart, nodes].map(({ refresh }) =>
    createSoon(refresh, 1_000),
  )
  return {
    title: streamId,
    element: h(
      'div',
      { class: 'view' },
      h('h1', { class: 'page-title' }, streamId, status),
      head.element,
      h('div', { class: 'grid' }, chart.element, comments.element, nodes.element, ledger.element),
    ),
    refresh: () => {
      for (const { refresh } of parts) void refresh()
    },
    topics: () => [
      { topic: { table: 'streams', key: { stream_id: streamId } }, onChange: refreshHead },
      { topic: { table: 'comments', where: { stream_id: streamId } }, onChange: comments.onChange },
      {
        topic: { table: 'nodes', where: { stream_id: streamId } },
        onChange: ({ kind, key, row }) => {
          if (kind !== 'update' || row === undefined || !nodes.set(key?.['node_id'], row)) refreshNodes?.()
        },
      },
      {
        topic: { rollup: 'stream_earnings_hourly', by: { stream_id: streamId } },
        onChange: () => {
          refreshChart?.()
          refreshHead?.()
        },
      },
      {
        topic: { table: 'payout_runs' },
        onChange: () => {
          refreshHead?.()
          void ledger.refresh()
        },
      },
    ],
    close: () => {
      for (const { close } of parts) close()
    },
  }
}

/** @param {{ streamId: string, onStream: (stream: any) => void }} options */
function createHead({ streamId, onStream }) {
  const [viewers, nodes, reward, answered] = ['Viewers', 'Nodes', 'Reward an hour', 'Polls answered'].map(createTile)
  const body = h('div', { class: 'tiles' }, ...[viewers, nodes, reward, answered].map((tile) => tile?.element))
  const host = h('section', { 'aria-label': 'In numbers', id: 'stream-head' })
  const state = createState(host, {
    load: async (signal) => await read(pathOf`/streams/${streamId}`, signal),
    render: (stream, place) => {
      onStream(stream)
      if (!place.contains(body)) fill(place, body)
      const { total_polls, successful_polls, failed_spot_checks } = stream.last_24_hours
      viewers?.set(formatCount(stream.viewers), 'right now')
      nodes?.set(formatCount(stream.nodes), 'carry it')
      reward?.set(formatTokens(stream.reward_per_hour), `${formatTokens(stream.token_balance)} are left`, 'tokens')
      const share = Number(total_polls) === 0 ? '–' : formatPercent(Number(successful_polls) / Number(total_polls))
      answered?.set(share, `in 24 hours; ${formatCount(Number(failed_spot_checks))} spot checks failed`)
    },
    skeleton: 'tiles',
    rows: 4,
  })
  return { element: host, refresh: state.refresh, close: state.close }
}

/** @param {string} streamId */
function createChart(streamId) {
  const host = h('div', { id: 'stream-chart' })
  /** @type {ReturnType<typeof createLines> | undefined} */
  let lines
  const state = createState(host, {
    load: async (signal) => await read(pathOf`/streams/${streamId}/earnings?hours=49`, signal),
    isEmpty: ({ total_polls }) => total_polls.every((/** @type {number} */ one) => one === 0),
    render: ({ start, step_seconds, total_polls, successful_polls }, place) => {
      lines ??= createLines(place, {
        label: 'Polls by the hour',
        lines: [{ label: 'Answered' }, { label: 'All', colour: '--c8' }],
        height: 200,
      })
      const beganMs = new Date(start).getTime()
      // The hour that has begun would look like a fall.
      const [answered, all] = [successful_polls.slice(0, -1), total_polls.slice(0, -1)]
      const times = all.map((/** @type {number} */ _, /** @type {number} */ at) => beganMs + at * step_seconds * 1_000)
      lines.update({ times, values: [answered, all] })
    },
    empty: {
      title: 'Not polled in two days',
      hint: 'While nodes carry this stream, they are polled many times an hour.',
    },
    skeleton: 'chart',
  })
  return {
    element: createCard({ title: 'Polls by the hour', note: '48 full hours' }, host),
    refresh: state.refresh,
    close: () => {
      lines?.close()
      state.close()
    },
  }
}

/** @param {string} streamId */
function createNodes(streamId) {
  const host = h('div', { id: 'stream-nodes' })
  const list = createPagedList(host, {
    name: 'nodes',
    path: () => pathOf`/streams/${streamId}/nodes?limit=10`,
    keyOf: (/** @type {CarryingNode} */ { node_id }) => node_id,
    row: createNodeRow,
    label: 'Nodes of the stream',
    empty: { title: 'No nodes', hint: 'Nobody carries this stream yet.' },
    more: 'Show more nodes',
  })
  return {
    element: createCard({ title: 'Nodes', look: 'span-5 side' }, host),
    refresh: list.refresh,
    close: list.close,
    /** Whether it is shown. @param {string | null | undefined} nodeId @param {Readonly<Record<string, string | null>>} row */
    set: (nodeId, row) => {
      if (row['stream_id'] !== streamId) return false
      list.change((items) => items.map((item) => (item.node_id === nodeId ? { ...item, ...row } : item)))
      return true
    },
  }
}

/** @param {CarryingNode} node */
function createNodeRow({ node_id }) {
  const name = h('a', { class: 'row-name', href: pathOf`#/nodes/${node_id}` })
  const note = h('span', { class: 'row-note row-cut' })
  const badge = h('span')
  return {
    element: h('li', { 'data-node': node_id }, h('span', { class: 'row-main' }, name, note), badge),
    /** @param {CarryingNode} node */
    set: ({ display_name, status, last_heartbeat }) => {
      name.textContent = display_name ?? node_id
      fill(note, ...(display_name === null ? [] : [node_id, ' · ']), createAgo(last_heartbeat, 'no heartbeat yet'))
      fill(badge, createNodeBadge(status))
    },
  }
}
