// @ts-check
// A box that finds artists while one types. Arrows choose, Enter opens, Escape closes: a combobox as the ARIA guide has it.

import { fill, h } from '/kit/dom.js'
import { fetchJson } from '/kit/fetch-json.js'
import { formatCount } from '/kit/format.js'
import { artistHref } from './parts.js'

/** @typedef {{ artist_address: string, artist_name: string, total_plays: number }} Artist */

const waitMs = 150

/** @param {HTMLElement} host */
export function addSearch(host) {
  const input = h('input', {
    class: 'input',
    type: 'search',
    placeholder: 'Find an artist',
    autocomplete: 'off',
    role: 'combobox',
    'aria-label': 'Find an artist',
    'aria-expanded': 'false',
    'aria-controls': 'found',
    'aria-autocomplete': 'list',
  })
  const list = h('ul', { class: 'found', id: 'found', role: 'listbox', 'aria-label': 'Artists', hidden: true })
  fill(host, input, list)
  const options = createOptions(input, list)
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  /** @type {AbortController | undefined} */
  let asking
  const ask = async () => {
    asking?.abort()
    asking = new AbortController()
    const { signal } = asking
    try {
      const { artists } = await fetchJson(`/artists?limit=8&search=${encodeURIComponent(input.value.trim())}`, {
        signal,
      })
      options.set(artists, 'No artist of that name')
    } catch (error) {
      if (signal.aborted) return
      options.set([], error instanceof Error ? error.message : String(error))
    }
    options.show(document.activeElement === input)
  }
  input.addEventListener('keydown', (event) => {
    const act = options.keys[event.key]
    if (act === undefined || list.hidden) return
    event.preventDefault()
    act()
  })
  input.addEventListener('input', () => {
    clearTimeout(timer)
    if (input.value.trim() === '') return options.show(false)
    timer = setTimeout(() => void ask(), waitMs)
  })
  input.addEventListener('blur', () => options.show(false))
}

/** What was found, below the box; one of it is chosen. @param {HTMLInputElement} input @param {HTMLElement} list */
function createOptions(input, list) {
  /** @type {readonly Artist[]} */
  let found = []
  let chosen = -1
  /** @param {boolean} isOpen */
  const show = (isOpen) => {
    list.hidden = !isOpen
    input.setAttribute('aria-expanded', String(isOpen))
    if (!isOpen) choose(-1)
  }
  /** @param {number} index */
  const choose = (index) => {
    chosen = index
    ;[...list.children].forEach((option, at) => option.setAttribute('aria-selected', String(at === index)))
    list.children[index]?.scrollIntoView({ block: 'nearest' })
    if (index < 0) input.removeAttribute('aria-activedescendant')
    else input.setAttribute('aria-activedescendant', `found-${index}`)
  }
  /** @param {number} index */
  const open = (index) => {
    const artist = found[index]
    if (artist === undefined) return
    input.value = ''
    show(false)
    location.hash = artistHref(artist.artist_address)
  }
  return {
    show,
    /** @param {readonly Artist[]} artists @param {string} none What is said where there are none. */
    set: (artists, none) => {
      found = artists
      fill(list, ...(found.length === 0 ? [h('li', { class: 'found-none' }, none)] : found.map(optionOf(open))))
      choose(-1)
    },
    keys: /** @type {Record<string, () => void>} */ ({
      ArrowDown: () => choose(Math.min(found.length - 1, chosen + 1)),
      ArrowUp: () => choose(Math.max(0, chosen - 1)),
      Enter: () => open(Math.max(0, chosen)),
      Escape: () => show(false),
    }),
  }
}

/** @param {(index: number) => void} open */
function optionOf(open) {
  /** @param {Artist} artist @param {number} index */
  return ({ artist_name, total_plays }, index) =>
    h(
      'li',
      {
        id: `found-${index}`,
        role: 'option',
        'aria-selected': 'false',
        on: {
          // Before the box loses its focus, which closes the list.
          mousedown: (/** @type {MouseEvent} */ event) => {
            event.preventDefault()
            open(index)
          },
        },
      },
      h('span', null, artist_name),
      h('span', { class: 'quiet' }, `${formatCount(total_plays)} plays`),
    )
}
