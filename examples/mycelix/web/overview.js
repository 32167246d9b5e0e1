// @ts-check
// The platform: its numbers, what is trending, the songs of the week, the shares of genres.

import { createBars } from '/kit/chart-bars.js'
import { createShares } from '/kit/chart-shares.js'
import { fill, h } from '/kit/dom.js'
import { formatAmount, formatCount, formatNumber } from '/kit/format.js'
import { createState } from '/kit/state.js'
import { artistHref, createDaysCard, createStateCard, showTiles } from './parts.js'

/** @typedef {import('./parts.js').Context} Context */

const trendingSongs = 20
const songsOfWeek = 8

/**
 * @param {HTMLElement} host
 * @param {Context} context
 * @returns {import('./parts.js').View}
 */
export function openOverview(host, context) {
  const numbers = h('section', { id: 'platform', 'aria-label': 'The platform' })
  const trending = addTrending(context)
  const shares = addShares(context)
  const top = addTop(context)
  const parts = [addNumbers(numbers, context), trending.state, shares.state, top.state]
  fill(
    host,
    h('h1', { class: 'sr-only' }, 'Overview'),
    h(
      'div',
      { class: 'stack' },
      numbers,
      h(
        'div',
        { class: 'grid' },
        h('div', { class: 'stack span-7' }, trending.element),
        h('div', { class: 'stack span-5' }, shares.element, top.element),
      ),
    ),
  )
  return {
    title: 'Mycelix',
    topics: [
      { rollup: 'platform_plays' },
      { rollup: 'payment_volume' },
      { top: 'song_plays', orderBy: 'trending', limit: trendingSongs },
    ],
    refresh: async () => void (await Promise.all(parts.map((state) => state.refresh()))),
    close: () => parts.forEach((state) => state.close()),
  }
}

/** @param {HTMLElement} host @param {Context} context */
function addNumbers(host, { load }) {
  return createState(host, {
    load: (signal) => load('/platform', signal),
    render: (platform, body) =>
      showTiles(body, [
        {
          label: 'Plays',
          value: formatNumber(platform.total_plays),
          note: `${formatCount(platform.plays_last_24h)} in 24 hours`,
        },
        {
          label: 'Last 7 days',
          value: formatNumber(platform.plays_last_7d),
          note: `${formatCount(platform.plays_last_30d)} in 30 days`,
        },
        { label: 'Listeners', value: formatNumber(platform.total_listeners), note: 'who have played' },
        {
          label: 'Paid',
          value: formatAmount(platform.total_volume, { decimals: 0 }),
          unit: 'FLOW',
          note: 'by listeners',
        },
        { label: 'Artists', value: formatNumber(platform.total_artists) },
        {
          label: 'Songs',
          value: formatNumber(platform.total_songs),
          note: `${formatCount(platform.new_songs_last_30d)} new in 30 days`,
        },
      ]),
    skeleton: 'tiles',
    rows: 6,
  })
}

/** @param {Context} context */
function addTrending({ load, playing }) {
  /** @type {ReturnType<typeof createBars> | undefined} */
  let bars
  /** @type {Map<string | number, any>} */
  const songs = new Map()
  return createStateCard(
    { id: 'trending', title: 'Trending', note: '10 points a play today, 5 this week, 1 this month' },
    {
      load: (signal) => load(`/songs/trending?limit=${trendingSongs}`, signal),
      isEmpty: (answer) => answer.songs.length === 0,
      empty: { title: 'No songs yet', hint: 'As soon as there are songs, those that are played most appear here.' },
      rows: 14,
      render: (answer, body) => {
        for (const song of answer.songs) songs.set(song.song_id, song)
        bars ??= createBars(body, {
          label: 'Trending songs, by points',
          format: formatNumber,
          action: ({ key }) => playing.button(songs.get(key)),
        })
        bars.update(
          answer.songs.map((/** @type {any} */ song) => ({
            key: song.song_id,
            label: song.title,
            value: song.trending_score,
            note: song.genre,
            href: artistHref(song.artist_address),
          })),
        )
      },
    },
  )
}

/** @param {Context} context */
function addShares({ load }) {
  /** @type {ReturnType<typeof createShares> | undefined} */
  let shares
  const choices = [
    { label: '7 d', days: 7 },
    { label: '30 d', days: 30 },
    { label: '1 y', days: 365 },
  ]
  return createDaysCard(
    { id: 'shares', title: 'Genres' },
    { days: 30, choices },
    {
      load: (days, signal) => load(`/genres/shares?days=${days}`, signal),
      isEmpty: ({ plays }) => plays === 0,
      empty: { title: 'No plays in this time' },
      rows: 7,
      render: ({ genres }, body) => {
        shares ??= createShares(body, { label: 'Plays by genre', unit: 'plays' })
        shares.update(genres.map((/** @type {any} */ { genre, plays }) => ({ key: genre, label: genre, value: plays })))
      },
    },
  )
}

/** @param {Context} context */
function addTop({ load, playing }) {
  /** @type {Map<number, HTMLButtonElement>} */
  const buttons = new Map()
  return createStateCard(
    { id: 'top', title: 'Songs of the week', note: 'the last seven days' },
    {
      load: (signal) => load(`/songs/top?limit=${songsOfWeek}`, signal),
      isEmpty: ({ songs }) => songs.length === 0,
      empty: { title: 'Nothing was played this week' },
      render: ({ songs }, body) => {
        const buttonOf = (/** @type {any} */ song) => {
          const button = buttons.get(song.song_id) ?? playing.button(song)
          buttons.set(song.song_id, button)
          return button
        }
        fill(body, topTable(songs, buttonOf))
      },
    },
  )
}

/** @param {readonly any[]} songs @param {(song: any) => HTMLElement} buttonOf */
function topTable(songs, buttonOf) {
  const head = h(
    'tr',
    null,
    h('th', { scope: 'col' }, h('span', { class: 'sr-only' }, 'Rank')),
    h('th', { scope: 'col' }, 'Song'),
    h('th', { scope: 'col', class: 'number' }, 'Plays'),
    h('th', { scope: 'col' }, h('span', { class: 'sr-only' }, 'Play')),
  )
  const rows = songs.map((song) =>
    h(
      'tr',
      { data: { song: song.song_id } },
      h('td', { class: 'rank' }, song.rank),
      h(
        'td',
        null,
        h('span', { class: 'song-title' }, song.title),
        h('a', { class: 'song-by', href: artistHref(song.artist_address) }, song.artist_name),
      ),
      h('td', { class: 'number' }, formatNumber(song.plays)),
      h('td', { class: 'number' }, buttonOf(song)),
    ),
  )
  return h(
    'div',
    { class: 'table-wrap' },
    h('table', { class: 'table' }, h('thead', null, head), h('tbody', null, ...rows)),
  )
}
