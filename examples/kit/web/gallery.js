// @ts-check
// The gallery: each piece full, empty, loading and failed. It tells tests that it is ready by data-ready on the page's root.

import { createCard } from './card.js'
import { createBars } from './chart-bars.js'
import { createLines } from './chart-lines.js'
import { createShares } from './chart-shares.js'
import { byId, h, s } from './dom.js'
import { fetchJson } from './fetch-json.js'
import { formatAgo, formatAmount, formatCount } from './format.js'
import { createLiveBadge } from './live.js'
import { createSegments } from './segments.js'
import { createSparkline } from './sparkline.js'
import { createState } from './state.js'

const day = 86_400_000
const names = ['Mycelium', 'Slow Rain on a Tin Roof, Recorded Twice', 'Ultraviolet', 'Anna', 'The Long Way Down']

/** @type {Record<string, [title: string, span: string, skeleton: 'list' | 'chart' | 'tiles' | 'text', draw: (body: HTMLElement) => void]>} */
const pieces = {
  bars: ['Trending', 'span-6', 'list', drawBars],
  shares: ['Genres', 'span-6', 'list', drawShares],
  lines: ['Earnings', 'span-8', 'chart', drawLines],
  table: ['Nodes', 'span-4', 'list', drawTable],
  several: ['Plays by strategy', 'span-6', 'chart', drawSeveral],
  map: ['Where they are', 'span-6', 'chart', drawMap],
}

drawTiles()
drawControls()
/** @type {Promise<void>[]} */
const loads = []
for (const [id, piece] of Object.entries(pieces))
  for (const state of ['full', 'empty', 'error', 'loading']) add(id, piece, state)
await Promise.all(loads)
document.documentElement.dataset['ready'] = 'yes'

/** @param {string} id @param {(typeof pieces)[string]} piece @param {string} wanted */
function add(id, [title, span, skeleton, draw], wanted) {
  if (wanted !== 'full' && id !== 'bars' && id !== 'lines') return
  const host = h('div', { id: `${id}-${wanted}` })
  byId('pieces').append(createCard({ title, note: wanted, look: wanted === 'full' ? span : 'span-4' }, host))
  const state = createState(host, {
    load: async (signal) => await fetchJson(`/state/${wanted}`, { signal }),
    isEmpty: ({ items }) => items.length === 0,
    render: (_, body) => {
      if (body.childElementCount === 0) draw(body)
    },
    empty: { title: 'No plays yet', hint: 'As soon as somebody listens, songs appear here.' },
    skeleton,
  })
  const load = state.refresh()
  if (wanted !== 'loading') loads.push(load)
}

function drawTiles() {
  const tiles = [
    ['Plays this week', formatCount(1_234_567), '+4.2 % on the week before'],
    ['Listeners', formatCount(48_210), 'in 31 countries'],
    ['Paid out', formatAmount('1204987.5'), formatAgo(Date.now() - 240_000), 'FLOW'],
    ['Songs', formatCount(20_000), '212 of them new'],
  ]
  byId('tiles').append(
    ...tiles.map(([label, value, note, unit]) =>
      h(
        'div',
        { class: 'tile' },
        h('p', { class: 'tile-label' }, label),
        h('p', { class: 'tile-value' }, value, unit !== undefined && h('small', null, ` ${unit}`)),
        h('p', { class: 'tile-note' }, note),
      ),
    ),
  )
}

function drawControls() {
  for (const state of /** @type {const} */ (['connecting', 'connected', 'reconnecting', 'offline'])) {
    const badge = createLiveBadge()
    badge.set(state)
    byId('badges').append(badge.element)
  }
  byId('badges').append(
    h('button', { class: 'button', type: 'button' }, 'Refresh'),
    h('button', { class: 'button button-main', type: 'button' }, 'Pay out'),
    createSegments({
      label: 'Time',
      choices: [
        ['24', '24 h'],
        ['168', '7 d'],
        ['720', '30 d'],
      ],
      chosen: '168',
      onChoose: () => undefined,
    }),
  )
}

/** @param {HTMLElement} body */
function drawBars(body) {
  const bars = createBars(body, { label: 'Trending songs' })
  const items = names.map((label, index) => ({
    key: index,
    label,
    value: 41_200 / (index + 1),
    note: `Artist ${index + 1}`,
  }))
  bars.update(items)
  // A button of tests: the last becomes the first.
  body.append(
    h(
      'button',
      { type: 'button', class: 'sr-only', id: 'shuffle', on: { click: () => bars.update(turned(items)) } },
      'Turn',
    ),
  )
}

/** @param {import('./chart-bars.js').BarItem[]} items */
function turned(items) {
  return items.toReversed().map((item, index) => Object.assign({}, item, { value: 50_000 / (index + 1) }))
}

/** @param {HTMLElement} body */
function drawShares(body) {
  const values = [41, 22, 14, 9, 6, 3, 2, 1.5, 1, 0.5]
  const genres = ['Electronic', 'Jazz', 'Folk', 'Ambient', 'Hip-hop', 'Classical', 'Reggae', 'Metal', 'Polka', 'Noise']
  createShares(body, { label: 'Plays by genre', unit: 'plays' }).update(
    genres.map((label, index) => ({ key: label, label, value: (values[index] ?? 0) * 1000 })),
  )
}

/** @param {number} count @param {number} phase */
function wave(count, phase) {
  return Array.from({ length: count }, (_, index) => 400 + 260 * Math.sin(index / 4 + phase) + index * 9)
}

/** @param {HTMLElement} body */
function drawLines(body) {
  const times = Array.from({ length: 60 }, (_, index) => Date.now() - (60 - index) * day)
  createLines(body, { label: 'Earnings a day', lines: [{ label: 'FLOW' }] }).update({ times, values: [wave(60, 0)] })
}

/** @param {HTMLElement} body */
function drawSeveral(body) {
  const times = Array.from({ length: 24 }, (_, index) => Date.now() - (24 - index) * 3_600_000)
  const lines = ['Pay per stream', 'Gift', 'Patronage'].map((label) => ({ label }))
  createLines(body, { label: 'Plays by strategy', lines }).update({
    times,
    values: [wave(24, 0), wave(24, 2), wave(24, 4)],
  })
}

/** @param {HTMLElement} body */
function drawTable(body) {
  const rows = [
    ['Lisbon 4', 'badge-good', 'Active', 12],
    ['Osaka 1', 'badge-warn', 'Stale', 7],
    ['Lima 12', 'badge-bad', 'Offline', 0],
    ['Accra 3', 'badge-good', 'Active', 31],
  ]
  body.append(
    h(
      'div',
      { class: 'table-wrap' },
      h(
        'table',
        { class: 'table' },
        h(
          'thead',
          null,
          h('tr', null, h('th', null, 'Node'), h('th', null, 'Status'), h('th', { class: 'number' }, 'Today')),
        ),
        h(
          'tbody',
          null,
          ...rows.map(([name, tone, status, size]) =>
            h(
              'tr',
              null,
              h('td', null, String(name)),
              h('td', null, h('span', { class: `badge ${String(tone)}` }, String(status))),
              h('td', { class: 'number' }, spark(Number(size))),
            ),
          ),
        ),
      ),
    ),
  )
}

/** @param {number} size */
function spark(size) {
  const values = size === 0 ? [] : wave(size, size)
  return createSparkline({ values, label: `${values.length} points`, width: 72 }).element
}

/** @param {HTMLElement} body */
function drawMap(body) {
  const places = [
    [-9, 38.7],
    [135.5, 34.7],
    [-77, -12],
    [-0.2, 5.6],
  ]
  body.append(
    s(
      'svg',
      { class: 'map', viewBox: '0 10 360 140', role: 'img', 'aria-label': 'Four nodes on a map' },
      s('use', { href: '/kit/world.svg#land' }),
      ...places.map(([lon = 0, lat = 0]) =>
        s('circle', { cx: lon + 180, cy: 90 - lat, r: 2.5, fill: 'var(--accent)' }),
      ),
    ),
  )
}
