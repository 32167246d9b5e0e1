// @ts-check
// The page: which view is shown, by the hash, and the live connection, by what the view is about.

import { byId, fill } from '/kit/dom.js'
import { connectLive, createLiveBadge } from '/kit/live.js'
import { read } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { openArtist } from './artist.js'
import { openListener } from './listener.js'
import { openOverview } from './overview.js'
import { createPlaying } from './playing.js'
import { addSearch } from './search.js'

/** Of one view; events may come a hundred times a second. */
const everyMs = 1_000

const main = byId('main')
const badge = createLiveBadge()
fill(byId('badge'), badge.element)
addSearch(byId('search'))

/** @type {(() => void) | undefined} */
let closeView
let refreshView = () => {}

const playing = createPlaying({ onPlayed: () => refreshView() })

/** @param {string} hash @returns {[page: string, open: () => import('./parts.js').View]} */
function route(hash) {
  const context = { load: read, playing }
  const [, address] = /^#\/artists\/(.+)$/.exec(hash) ?? []
  if (address !== undefined)
    return ['artist', () => openArtist(main, { ...context, address: decodeURIComponent(address) })]
  if (hash === '#/listener') return ['listener', () => openListener(main, context)]
  return ['overview', () => openOverview(main, context)]
}

function show() {
  closeView?.()
  const [page, open] = route(location.hash)
  for (const link of document.querySelectorAll('.nav a')) {
    const isHere = link instanceof HTMLElement && link.dataset['page'] === page
    if (isHere) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  const view = open()
  document.title = view.title
  const refresh = createSoon(view.refresh, everyMs)
  refreshView = refresh
  // Shown at once, also where live events cannot be had.
  refresh()
  const live = connectLive({
    badge,
    subscriptions: view.topics.map((topic) => ({ topic, onChange: refresh, onList: refresh })),
    onRefresh: refresh,
  })
  closeView = () => {
    live.close()
    refresh.cancel()
    view.close()
  }
}

addEventListener('hashchange', () => {
  show()
  main.focus()
  scrollTo(0, 0)
})
byId('skip').addEventListener('click', (event) => {
  // The hash says which view is shown.
  event.preventDefault()
  main.focus()
})
show()
