// @ts-check
// The streams, those with the most viewers or nodes first, each with its polls of the last day.

import { fill, h } from '/kit/dom.js'
import { formatCount } from '/kit/format.js'
import { createSparkline } from '/kit/sparkline.js'
import { formatTokens } from './money.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, read } from '/kit/reading.js'
import { createSegments } from '/kit/segments.js'
import { createSoon } from '/kit/soon.js'
import { createStreamBadge } from './status.js'

/**
 * @typedef {object} Stream
 * @property {string} stream_id
 * @property {string} status
 * @property {number} viewers
 * @property {string} reward_per_hour
 * @property {number} nodes
 */

/** @returns {import('./page.js').View} */
export function createStreamsView() {
  let sort = 'viewers'
  const host = h('div', { id: 'streams' })
  const sparks = createSparks()
  const list = createPagedList(host, {
    name: 'streams',
    path: () => `/streams?limit=12&sort=${sort}`,
    keyOf: (/** @type {Stream} */ { stream_id }) => stream_id,
    row: (stream) => createRow(stream, sparks.create(stream.stream_id)),
    label: 'Streams',
    empty: { title: 'No streams yet', hint: 'As soon as somebody sponsors one, it stands here.' },
    more: 'Show more streams',
    rows: 8,
  })
  const segments = createSegments({
    label: 'Order',
    choices: [
      ['viewers', 'By viewers'],
      ['nodes', 'By nodes'],
    ],
    onChoose: (chosen) => {
      sort = chosen
      void list.begin()
    },
  })
  const refresh = createSoon(list.refresh, 2_000)
  return {
    title: 'Streams',
    element: h(
      'div',
      { class: 'view' },
      h('div', { class: 'page-head' }, h('h1', null, 'Streams'), segments),
      h('section', { class: 'card' }, host),
    ),
    refresh,
    topics: () => [
      {
        topic: { table: 'streams' },
        onChange: ({ kind, key, row }) => {
          if (kind !== 'update' || row === undefined) return refresh()
          list.change((items) =>
            items.map((item) =>
              item.stream_id === key?.['stream_id'] ? { ...item, ...row, viewers: Number(row['viewers']) } : item,
            ),
          )
        },
      },
    ],
    close: () => {
      list.close()
      sparks.close()
    },
  }
}

/** @param {Stream} stream @param {HTMLElement} spark */
function createRow({ stream_id }, spark) {
  const note = h('span', { class: 'row-note row-cut' })
  const badge = h('span')
  const viewers = h('span', { class: 'row-number' })
  const element = h(
    'li',
    null,
    h(
      'span',
      { class: 'row-main' },
      h(
        'span',
        { class: 'row-line' },
        h('a', { class: 'row-name', href: pathOf`#/streams/${stream_id}` }, stream_id),
        badge,
      ),
      note,
    ),
    spark,
    viewers,
  )
  return {
    element,
    /** @param {Stream} next */
    set: ({ status, nodes, reward_per_hour, viewers: count }) => {
      fill(badge, createStreamBadge(status))
      note.textContent = `${formatCount(nodes)} ${nodes === 1 ? 'node' : 'nodes'} · ${formatTokens(reward_per_hour)} tokens/h`
      fill(viewers, formatCount(count), h('small', null, count === 1 ? 'viewer' : 'viewers'))
    },
  }
}

/** Lines are loaded for what comes into sight, a few at a time, once. */
function createSparks() {
  const closing = new AbortController()
  /** @type {Map<Element, string>} */
  const waiting = new Map()
  let running = 0
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue
      observer.unobserve(target)
      void next()
    }
  })
  const next = async () => {
    const [first] = waiting
    if (first === undefined || running >= 3) return
    const [place, streamId] = first
    waiting.delete(place)
    running++
    try {
      const { successful_polls } = await read(pathOf`/streams/${streamId}/earnings?hours=25`, closing.signal)
      // The hour that has begun would look like a fall.
      const values = successful_polls.slice(0, -1)
      const isSilent = values.every((/** @type {number} */ one) => one === 0)
      const label = 'Successful polls of the last 24 hours by the hour'
      fill(place, createSparkline({ values: isSilent ? [] : values, label, width: place.clientWidth }).element)
    } catch {
      // A row without its line is still a row; the list itself says when the service is away.
    } finally {
      running--
    }
    await next()
  }
  return {
    /** @param {string} streamId */
    create: (streamId) => {
      const place = h('span', { class: 'spark-place' })
      waiting.set(place, streamId)
      observer.observe(place)
      return place
    },
    close: () => {
      observer.disconnect()
      closing.abort()
    },
  }
}
