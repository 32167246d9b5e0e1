// @ts-check
// One artist: numbers, earnings by the day, songs.

import { createBars } from '/kit/chart-bars.js'
import { createLines } from '/kit/chart-lines.js'
import { fill, h } from '/kit/dom.js'
import { orNothing } from '/kit/fetch-json.js'
import { formatAgo, formatAmount, formatCount, formatNumber } from '/kit/format.js'
import { createState } from '/kit/state.js'
import { createDaysCard, createStateCard, showTiles } from './parts.js'

/** @typedef {import('./parts.js').Context} Context */

/**
 * @param {HTMLElement} host
 * @param {Context & { address: string }} context
 * @returns {import('./parts.js').View}
 */
export function openArtist(host, { address, load, playing }) {
  const path = `/artists/${encodeURIComponent(address)}`
  const name = h('h1', null, 'Artist')
  const last = h('p')
  const numbers = h('section', { id: 'artist', 'aria-label': 'Numbers' })
  const closing = new AbortController()
  /** @type {Promise<any> | undefined} */
  let asked
  /** Numbers and songs come in one answer. */
  const dashboard = () => {
    asked ??= orNothing(load(`${path}/dashboard`, closing.signal)).finally(() => (asked = undefined))
    return asked
  }
  const songs = addSongs(playing, async () => (await dashboard())?.top_songs ?? [])
  const state = createState(numbers, {
    load: dashboard,
    isEmpty: (found) => found === undefined,
    empty: {
      title: 'There is no such artist',
      hint: 'The address may be wrong.',
      action: h('a', { class: 'button', href: '#/' }, 'To the overview'),
    },
    skeleton: 'tiles',
    render: ({ analytics }, body) => {
      name.textContent = analytics.artist_name
      document.title = `${analytics.artist_name} · Mycelix`
      last.textContent =
        analytics.last_play_date === null ? 'Never played' : `Last played ${formatAgo(analytics.last_play_date)}`
      showTiles(body, tilesOf(analytics))
    },
  })
  const earnings = addEarnings(path, load)
  const refresh = async () => {
    await Promise.all([state, songs.state, earnings.state].map((one) => one.refresh()))
    details.hidden = numbers.dataset['state'] === 'empty'
  }
  const details = h('div', { class: 'grid' }, earnings.element, songs.element)
  fill(
    host,
    h(
      'div',
      { class: 'stack' },
      h('header', { class: 'view-head' }, h('div', null, name, h('p', { class: 'address' }, address)), last),
      numbers,
      details,
    ),
  )
  return {
    title: 'Artist · Mycelix',
    topics: [
      { rollup: 'artist_plays', by: { artist_address: address } },
      { table: 'songs', where: { artist_address: address } },
    ],
    refresh,
    close: () => {
      for (const one of [state, earnings.state, songs.state]) one.close()
      closing.abort()
      earnings.end()
    },
  }
}

/** @param {any} analytics */
function tilesOf(analytics) {
  return [
    {
      label: 'Plays',
      value: formatNumber(analytics.total_plays),
      note: `${formatNumber(analytics.plays_last_7_days)} in 7 days`,
    },
    { label: 'Last 30 days', value: formatNumber(analytics.plays_last_30_days), note: 'plays' },
    { label: 'Listeners', value: formatNumber(analytics.unique_listeners) },
    { label: 'Earned', value: formatAmount(analytics.total_earnings), unit: 'FLOW', note: 'by plays' },
    { label: 'For a play', value: formatAmount(analytics.avg_earning_per_play, { decimals: 4 }), unit: 'FLOW' },
    { label: 'Songs', value: formatNumber(analytics.total_songs) },
  ]
}

/** @param {string} path @param {Context['load']} load */
function addEarnings(path, load) {
  /** @type {ReturnType<typeof createLines> | undefined} */
  let lines
  const choices = [
    { label: '30 d', days: 30 },
    { label: '90 d', days: 90 },
    { label: '1 y', days: 365 },
  ]
  const card = createDaysCard(
    { id: 'earnings', title: 'Earnings a day', look: 'span-7' },
    { days: 90, choices },
    {
      load: async (days, signal) => (await orNothing(load(`${path}/earnings?days=${days}`, signal)))?.days ?? [],
      isEmpty: (series) => series.every((/** @type {any} */ { plays }) => plays === 0),
      empty: { title: 'No plays in this time' },
      skeleton: 'chart',
      render: (series, body) => {
        lines ??= createLines(body, {
          label: 'Earnings a day, in FLOW',
          lines: [{ label: 'FLOW' }],
          format: formatCount,
          height: 340,
        })
        lines.update({
          times: series.map((/** @type {any} */ { day }) => `${day}T00:00:00Z`),
          values: [series.map((/** @type {any} */ { earnings }) => Number(earnings))],
        })
      },
    },
  )
  return { ...card, end: () => lines?.close() }
}

/** @param {Context['playing']} playing @param {() => Promise<readonly any[]>} load */
function addSongs(playing, load) {
  /** @type {ReturnType<typeof createBars> | undefined} */
  let bars
  /** @type {Map<string | number, any>} */
  const known = new Map()
  return createStateCard(
    { id: 'songs', title: 'Songs', note: 'by plays', look: 'span-5' },
    {
      load,
      isEmpty: (songs) => songs.length === 0,
      empty: { title: 'No songs yet' },
      rows: 8,
      render: (songs, body) => {
        for (const song of songs) known.set(song.song_id, song)
        bars ??= createBars(body, {
          label: 'Songs by plays',
          format: formatNumber,
          action: ({ key }) => playing.button(known.get(key)),
        })
        bars.update(
          songs.map((song) => ({ key: song.song_id, label: song.title, value: song.play_count, note: song.genre })),
        )
      },
    },
  )
}
