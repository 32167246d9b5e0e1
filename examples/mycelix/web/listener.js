// @ts-check
// One listener: who that is, what that one likes, what was played last. Whoever is chosen here is the one who plays songs on this page.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { formatAgo, formatAmount, formatNumber } from '/kit/format.js'
import { createState } from '/kit/state.js'
import { artistHref, createStateCard, showTiles } from './parts.js'

/** @typedef {import('./parts.js').Context} Context */

const pageOfPlays = 10

/**
 * @param {HTMLElement} host
 * @param {Context} context
 * @returns {import('./parts.js').View}
 */
export function openListener(host, context) {
  const { load, playing } = context
  const select = h('select', { class: 'select', 'aria-label': 'Listener' })
  const numbers = h('section', { id: 'listener', 'aria-label': 'Numbers' })
  const favourites = h('dl', { class: 'facts' })
  const tastes = createCard({ title: 'Favourites', look: 'span-4 side' }, favourites)
  tastes.hidden = true
  const state = createState(numbers, {
    load: async (signal) => {
      const address = await playing.listener()
      await fillSelect(select, playing)
      return address === undefined
        ? undefined
        : await orNothing(load(`/listeners/${encodeURIComponent(address)}`, signal))
    },
    isEmpty: (found) => found === undefined,
    empty: { title: 'Nobody listens yet', hint: 'As soon as there are listeners, one of them can be chosen here.' },
    skeleton: 'tiles',
    rows: 4,
    render: (activity, body) => {
      showTiles(body, tilesOf(activity))
      fill(
        favourites,
        factOf('Genre', activity.favorite_genre ?? 'none yet'),
        factOf('Strategy', activity.favorite_strategy ?? 'none yet'),
        factOf('Spent on a play', formatAmount(activity.avg_spent_per_play, { decimals: 4, unit: 'FLOW' })),
      )
    },
  })
  const plays = addPlays(context)
  const refresh = async () => {
    await Promise.all([state.refresh(), plays.state.refresh()])
    tastes.hidden = numbers.dataset['state'] !== 'full'
  }
  select.addEventListener('change', () => {
    playing.choose(select.value)
    plays.restart()
    void refresh()
  })
  fill(
    host,
    h(
      'div',
      { class: 'stack' },
      h(
        'header',
        { class: 'view-head' },
        h('div', null, h('h1', null, 'Listener'), h('p', null, 'Whoever is chosen plays the songs on this page.')),
        select,
      ),
      numbers,
      h('div', { class: 'grid' }, plays.element, tastes),
    ),
  )
  return {
    title: 'Listener · Mycelix',
    topics: [{ rollup: 'platform_plays' }],
    refresh,
    close: () => [state, plays.state].forEach((one) => one.close()),
  }
}

/** @param {HTMLSelectElement} select @param {Context['playing']} playing */
async function fillSelect(select, playing) {
  const [listeners, listener] = await Promise.all([playing.listeners(), playing.listener()])
  select.disabled = listeners.length === 0
  fill(select, ...listeners.map((address) => h('option', { value: address }, shortened(address))))
  if (listener !== undefined) select.value = listener
}

/** @param {string} address */
function shortened(address) {
  return address.length <= 20 ? address : `${address.slice(0, 10)}…${address.slice(-6)}`
}

/** @param {any} activity */
function tilesOf(activity) {
  return [
    {
      label: 'Plays',
      value: formatNumber(activity.total_plays),
      note: `${formatNumber(activity.plays_last_7d)} in 7 days`,
    },
    { label: 'Songs', value: formatNumber(activity.unique_songs_played), note: 'different ones' },
    { label: 'Artists', value: formatNumber(activity.unique_artists), note: 'different ones' },
    { label: 'Spent', value: formatAmount(activity.total_spent), unit: 'FLOW' },
  ]
}

/** @param {string} term @param {string} text */
function factOf(term, text) {
  return h('div', null, h('dt', null, term), h('dd', null, text))
}

/** The last ones, and older ones on demand. @param {Context} context */
function addPlays({ load, playing }) {
  let pages = 1
  const card = createStateCard(
    { id: 'plays', title: 'Played last', look: 'span-8' },
    {
      load: async (signal) => {
        const address = await playing.listener()
        if (address === undefined) return { plays: [], isMore: false }
        const limit = Math.min(100, pageOfPlays * pages)
        const found = await orNothing(load(`/listeners/${encodeURIComponent(address)}/plays?limit=${limit}`, signal))
        return { plays: found?.plays ?? [], isMore: limit < 100 && (found?.next ?? null) !== null }
      },
      isEmpty: (answer) => answer.plays.length === 0,
      empty: { title: 'Nothing played yet', hint: 'Play a song on the overview, and it appears here.' },
      render: (answer, body) => {
        const more = h('button', { type: 'button', class: 'button more', on: { click: showMore } }, 'Show older')
        const isFocused = document.activeElement?.classList.contains('more') === true
        fill(body, playsTable(answer.plays), answer.isMore && more)
        if (isFocused) more.focus()
      },
    },
  )
  const showMore = () => {
    pages++
    void card.state.refresh()
  }
  return { ...card, restart: () => (pages = 1) }
}

/** @param {readonly any[]} plays */
function playsTable(plays) {
  const rows = plays.map((play) =>
    h(
      'tr',
      null,
      h(
        'td',
        null,
        h('span', { class: 'song-title' }, play.title),
        h('a', { class: 'song-by', href: artistHref(play.artist_address) }, play.artist_name),
      ),
      h(
        'td',
        { class: 'number narrow-off' },
        Number(play.amount) === 0 ? 'free' : formatAmount(play.amount, { decimals: 4, unit: 'FLOW' }),
      ),
      h('td', { class: 'number quiet' }, formatAgo(play.played_at)),
    ),
  )
  const head = h(
    'tr',
    null,
    h('th', { scope: 'col' }, 'Song'),
    h('th', { scope: 'col', class: 'number narrow-off' }, 'Paid'),
    h('th', { scope: 'col', class: 'number' }, 'When'),
  )
  return h(
    'div',
    { class: 'table-wrap' },
    h('table', { class: 'table' }, h('thead', null, head), h('tbody', null, ...rows)),
  )
}
