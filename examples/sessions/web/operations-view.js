// @ts-check
// How the service does: health, what calls take, hits of each layer of the cache, the pool, the slowest statements. As far as it may be seen:
// without a token this machine alone may look, and others see the health.

import { createAgo } from '/kit/ago.js'
import { createCard } from '/kit/card.js'
import { createBars } from '/kit/chart-bars.js'
import { fill, h } from '/kit/dom.js'
import { ApiError } from '/kit/fetch-json.js'
import { formatDuration, formatNumber, formatPercent } from '/kit/format.js'
import { read } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createTile } from '/kit/tiles.js'

/**
 * @typedef {{ status: string, problems: readonly string[], redis: string, feed: string }} Health
 * @typedef {{ hits: number, misses: number, hitRatio: number | null, entries: number }} Layer
 * @typedef {{ node: string, max: number, active: number, waiting: number, utilization: number, waits: { p95Ms: number } }} Pool
 * @typedef {{ query: string, duration: number, at: string }} Slow
 * @typedef {object} Performance
 * @property {Health} health
 * @property {{ count: number, rate: number, errorRate: number, p95Duration: number }} calls
 * @property {readonly Pool[]} pool
 * @property {{ hitRatio: number | null, redis: string, namespaces: Readonly<Record<string, Layer>> }} cache
 * @property {readonly Slow[]} slowest
 */

const everyMs = 5_000
/** Of the original design, with how long each keeps what it has. */
const layers = /** @type {const} */ ([
  ['user', 'Users', '10 min'],
  ['session', 'Sessions', '1 hour'],
  ['balance', 'Balances', '30 s'],
  ['reports', 'Reports', '5 min'],
])

/** @returns {import('./page.js').View} */
export function createOperationsView() {
  const host = h('div', { id: 'operations' })
  const shown = createShown()
  const state = createState(host, {
    load: async (signal) => await load(signal),
    render: (found, body) => {
      if (!body.contains(shown.element)) fill(body, shown.element)
      shown.set(found)
    },
    skeleton: 'tiles',
    rows: 4,
  })
  const timer = setInterval(() => {
    if (!document.hidden) void state.refresh()
  }, everyMs)
  return {
    title: 'Operations',
    element: h(
      'div',
      { class: 'view' },
      h(
        'div',
        { class: 'page-head' },
        h('div', null, h('h1', null, 'Operations'), h('p', null, 'Of the process that answers, in its last minute.')),
      ),
      host,
    ),
    refresh: () => void state.refresh(),
    close: () => {
      clearInterval(timer)
      state.close()
    },
  }
}

/** @param {AbortSignal} signal @returns {Promise<{ health: Health, performance: Performance | undefined }>} */
async function load(signal) {
  const performance = await read('/health/performance', signal).catch((error) => {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return undefined
    throw error
  })
  return { health: performance?.health ?? (await read('/health', signal)), performance }
}

function createShown() {
  const tiles = {
    health: createTile('Health'),
    calls: createTile('Statements, 95th percentile'),
    hits: createTile('Cache hits'),
    pool: createTile('Pool in use'),
  }
  const rest = h('div', { class: 'grid' })
  const layerBars = h('div', { id: 'layers' })
  const slow = h('div', { id: 'slow' })
  const bars = createBars(layerBars, {
    label: 'Hits by layer',
    isRanked: false,
    format: (ratio) => (ratio < 0 ? '–' : formatPercent(ratio)),
  })
  const locked = h('p', { class: 'card soft' }, 'What is measured is told on this machine, or with a token.')
  return {
    element: h(
      'div',
      { class: 'view' },
      h('section', { class: 'tiles', 'aria-label': 'In short' }, ...Object.values(tiles).map(({ element }) => element)),
      rest,
    ),
    /** @param {Awaited<ReturnType<typeof load>>} found */
    set: ({ health, performance }) => {
      const [problem = 'everything answers'] = health.problems
      tiles.health.set(health.status === 'ok' ? 'Good' : health.status === 'degraded' ? 'Degraded' : 'Down', problem)
      if (performance === undefined) return fill(rest, locked)
      if (!rest.contains(layerBars))
        fill(
          rest,
          createCard({ title: 'Hits by layer', look: 'span-5' }, layerBars),
          createCard({ title: 'The slowest statements', look: 'span-7' }, slow),
        )
      setTiles(tiles, performance)
      bars.update(
        layers.map(([key, label, keeps]) => layerOf({ key, label, keeps, layer: performance.cache.namespaces[key] })),
      )
      fill(slow, drawSlow(performance.slowest))
    },
  }
}

/** @param {{ calls: Tile, hits: Tile, pool: Tile }} tiles @typedef {ReturnType<typeof createTile>} Tile @param {Performance} performance */
function setTiles(tiles, { calls, cache, pool }) {
  tiles.calls.set(
    formatDuration(calls.p95Duration),
    `${formatNumber(Math.round(calls.rate * 10) / 10)} a second, ${formatPercent(calls.errorRate)} failed`,
  )
  tiles.hits.set(
    cache.hitRatio === null ? '–' : formatPercent(cache.hitRatio),
    cache.redis === 'none' ? 'in this process' : `Redis is ${cache.redis}`,
  )
  const [first] = pool
  if (first === undefined) return
  tiles.pool.set(
    formatPercent(first.utilization / 100),
    `${first.active} of ${first.max}; wait ${formatDuration(first.waits.p95Ms)}`,
  )
}

/** @param {{ key: string, label: string, keeps: string, layer: Layer | undefined }} given */
function layerOf({ key, label, keeps, layer }) {
  const asked = (layer?.hits ?? 0) + (layer?.misses ?? 0)
  return { key, label, value: layer?.hitRatio ?? -1, note: `${keeps}, asked ${formatNumber(asked)} times` }
}

/** @param {readonly Slow[]} slowest */
function drawSlow(slowest) {
  if (slowest.length === 0) return h('p', { class: 'soft' }, 'None was slow.')
  return h(
    'ul',
    { class: 'rows', 'aria-label': 'The slowest statements' },
    ...slowest
      .slice(0, 6)
      .map(({ query, duration, at }) =>
        h(
          'li',
          null,
          h(
            'div',
            { class: 'row-main' },
            h('code', { class: 'statement' }, query.replaceAll(/\s+/g, ' ').trim()),
            h('span', { class: 'row-note' }, createAgo(at)),
          ),
          h('span', { class: 'row-number' }, formatDuration(duration)),
        ),
      ),
  )
}
