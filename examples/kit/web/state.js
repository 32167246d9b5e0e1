// @ts-check
// A part of a page that is loaded: loading, then full, empty, or an error with another try.
//
// Promises: the host says which in data-state. While it loads again, what is shown stays; if that fails, it stays below a
// banner that says so. Of several loads that are asked for, one runs at a time, and one more after it.

import { fill, h } from './dom.js'
import { ApiError } from './fetch-json.js'
import { isTakenCareOf } from './reading.js'

/**
 * @template Data
 * @typedef {object} StateOptions
 * @property {(signal: AbortSignal) => Promise<Data>} load
 * @property {(data: Data, body: HTMLElement) => void} render Puts into `body`, or brings up to date, what shows the data.
 * @property {(data: Data) => boolean} [isEmpty]
 * @property {{ title: string, hint?: string, action?: HTMLElement }} [empty]
 * @property {'list' | 'chart' | 'tiles' | 'text'} [skeleton] What it looks like before the first answer. Default: 'list'.
 * @property {number} [rows] Of the skeleton. Default: 5.
 */

/**
 * @template Data
 * @param {HTMLElement} host
 * @param {StateOptions<Data>} options
 * @returns {{
 *   refresh: () => Promise<void>, show: (data: Data) => void, fail: (error: unknown) => void, close: () => void,
 * }}
 */
export function createState(host, options) {
  const { load, render, isEmpty = () => false, empty = { title: 'Nothing here yet' } } = options
  const banner = h('div', { class: 'state-banner' })
  const body = h('div', { class: 'state-body' })
  const note = h('div', { class: 'state-note' })
  const closing = new AbortController()
  /** @type {Promise<void> | undefined} */
  let running
  let isAsked = false

  /** @param {'loading' | 'full' | 'empty' | 'error'} state @param {Node} [content] */
  const set = (state, content) => {
    host.dataset['state'] = state
    body.hidden = state !== 'full'
    fill(note, content)
    note.hidden = content === undefined
  }
  /** @param {Data} data */
  const show = (data) => {
    fill(banner)
    if (isEmpty(data)) return set('empty', createEmpty(empty))
    // Charts measure their place, so it has to be there first.
    set('full')
    render(data, body)
  }
  /** @param {unknown} error */
  const fail = (error) => {
    if (isTakenCareOf(error)) return
    const message = error instanceof Error ? error.message : String(error)
    if (host.dataset['state'] === 'full') {
      return fill(banner, createBanner({ message: `Not up to date. ${message}`, onRetry: () => void refresh() }))
    }
    set('error', createBanner({ message, onRetry: () => void refresh() }))
  }
  const run = async () => {
    host.setAttribute('aria-busy', 'true')
    try {
      show(await load(closing.signal))
    } catch (error) {
      if (closing.signal.aborted) return
      fail(error)
      // A mistake of the page itself belongs in the console.
      if (!(error instanceof ApiError)) console.error(error)
    } finally {
      host.setAttribute('aria-busy', 'false')
    }
  }
  const refresh = async () => {
    if (running !== undefined) {
      isAsked = true
      return running
    }
    running = (async () => {
      do {
        isAsked = false
        await run()
      } while (isAsked && !closing.signal.aborted)
    })()
    await running
    running = undefined
  }

  host.classList.add('state')
  fill(host, banner, body, note)
  set('loading', createSkeleton(options))
  return { refresh, show, fail, close: () => closing.abort() }
}

/**
 * @param {{ title: string, hint?: string, action?: HTMLElement }} options
 * @returns {HTMLElement}
 */
export function createEmpty({ title, hint, action }) {
  return h(
    'div',
    { class: 'empty' },
    h('span', { class: 'empty-mark', 'aria-hidden': 'true' }),
    h('p', { class: 'empty-title' }, title),
    hint !== undefined && h('p', { class: 'empty-hint' }, hint),
    action,
  )
}

/**
 * @param {{ message: string, onRetry?: () => void }} options
 * @returns {HTMLElement}
 */
export function createBanner({ message, onRetry }) {
  return h(
    'div',
    { class: 'banner', role: 'alert' },
    h('span', { class: 'banner-mark', 'aria-hidden': 'true' }, '!'),
    h('p', null, message),
    onRetry !== undefined && h('button', { type: 'button', class: 'button', on: { click: onRetry } }, 'Try again'),
  )
}

/**
 * @param {{ skeleton?: 'list' | 'chart' | 'tiles' | 'text', rows?: number }} [options]
 * @returns {HTMLElement}
 */
export function createSkeleton({ skeleton = 'list', rows = 5 } = {}) {
  const lines =
    skeleton === 'chart' ? [h('div', { class: 'bone bone-chart' })] : Array.from({ length: rows }, () => bone(skeleton))
  return h(
    'div',
    { class: `skeleton skeleton-${skeleton}`, role: 'status' },
    h('span', { class: 'sr-only' }, 'Loading'),
    ...lines,
  )
}

/** @param {string} kind */
function bone(kind) {
  return h('div', { class: `bone bone-${kind}` })
}
