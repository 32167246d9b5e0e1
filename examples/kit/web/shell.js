// @ts-check
// The shell of a page: which view is open, by the hash; the links to the others; the way past them; and what is told to those who cannot
// see it. The document has places for them: #nav, #skip, #main and #said.
//
// Promises: one view is open at a time, and the one before it is closed. Whoever goes to another one finds themselves at its beginning.

import { byId, fill, h } from './dom.js'
import { createBanner } from './state.js'

/**
 * @typedef {object} ShellView
 * @property {string} title Of the document, with the name of the app; '' is the name alone.
 * @property {HTMLElement} element
 * @property {() => void} refresh Fetches all that is shown.
 * @property {() => void} close
 */

/**
 * @template {ShellView} View
 * @param {{
 *   name: string,
 *   pages: () => readonly (readonly [href: string, text: string, ...unknown[]])[],
 *   route: () => { create: () => View, page?: string | undefined },
 *   onOpen?: (view: View) => void,
 *   mayMove?: () => boolean,
 * }} options `pages`: what the links lead to. `route`: of the hash that is now; `page`: of those links the one that is marked.
 *   `mayMove`: whether another hash is another view; default: yes.
 */
export function openShell({ name, pages, route, onOpen, mayMove = () => true }) {
  const main = byId('main')
  /** @type {View | undefined} */
  let view
  const drawNav = () => {
    const [links, { page }] = [pages(), route()]
    byId('nav').hidden = links.length === 0
    fill(
      byId('nav'),
      ...links.map(([href, text]) => h('a', { href, 'aria-current': href === page ? 'page' : null }, text)),
    )
  }
  const open = ({ isMove = false } = {}) => {
    view?.close()
    view = route().create()
    fill(main, view.element)
    document.title = view.title === '' ? name : `${view.title} · ${name}`
    drawNav()
    view.refresh()
    onOpen?.(view)
    if (!isMove) return
    scrollTo(0, 0)
    main.focus({ preventScroll: true })
  }
  drawNav()
  addEventListener('hashchange', () => {
    if (mayMove()) open({ isMove: true })
  })
  byId('skip').addEventListener('click', (event) => {
    // The hash says which view is shown.
    event.preventDefault()
    main.focus()
  })
  return {
    /** The view of the hash. `isMove`: somebody went there. */
    open,
    view: () => view,
  }
}

/**
 * @template Create
 * @typedef {readonly [pattern: RegExp, create: Create, page?: string]} Route
 */

/**
 * The first whose pattern the hash has; the last one is to have every hash.
 * @template Create
 * @param {readonly Route<Create>[]} routes
 * @returns {{ create: Create, id: string, page: string | undefined }} `id`: what stands at the parentheses of the pattern.
 */
export function findRoute(routes) {
  for (const [pattern, create, page] of routes) {
    const found = pattern.exec(location.hash)
    if (found !== null) return { create, id: decode(found[1] ?? ''), page }
  }
  throw new Error(`The page: expected a route for "${location.hash}", got none`)
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** To those who cannot see what happened. @param {string} text */
export function say(text) {
  byId('said').textContent = text
}

/** In the place of a view. @param {unknown} error @param {() => void} onRetry */
export function fail(error, onRetry) {
  const message = error instanceof Error ? error.message : String(error)
  fill(byId('main'), h('section', { class: 'card', 'data-state': 'error' }, createBanner({ message, onRetry })))
}
