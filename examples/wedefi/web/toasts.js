// @ts-check
// Alerts that fire, on whichever view: a few lines at the foot of the page, which go by themselves or by their button; not while somebody is
// at one.

import { h } from '/kit/dom.js'
import { pathOf, read } from '/kit/reading.js'
import { describeAlert, formatMeasured } from './alert-words.js'

const shownMs = 12_000
const most = 3

/** @param {HTMLElement} host */
export function createToasts(host) {
  return {
    /** @param {Readonly<Record<string, string | null>> | undefined} row Of the event, where the feed carries it. */
    show: (row) => void add(host, row ?? {}),
  }
}

/** @param {HTMLElement} host @param {Readonly<Record<string, string | null>>} row */
async function add(host, { alertId, value }) {
  // What it is about, if it can be had; that it fired is worth telling without.
  const alert = typeof alertId === 'string' ? await read(pathOf`/alerts/${alertId}`).catch(() => undefined) : undefined
  const text = alert === undefined ? 'An alert fired' : describeAlert(alert)
  const shown = alert === undefined || typeof value !== 'string' ? '' : ` · ${formatMeasured(alert, value)}`
  const close = h('button', { class: 'button button-quiet button-small', type: 'button' }, 'Close')
  const element = h(
    'div',
    { class: 'toast' },
    h('span', { class: 'badge badge-bad' }, 'Fired'),
    h('a', { class: 'toast-text', href: '#/alerts' }, `${text}${shown}`),
    close,
  )
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const stay = () => clearTimeout(timer)
  const go = () => {
    stay()
    timer = setTimeout(() => element.remove(), shownMs)
  }
  for (const name of ['pointerenter', 'focusin']) element.addEventListener(name, stay)
  for (const name of ['pointerleave', 'focusout']) element.addEventListener(name, go)
  close.addEventListener('click', () => {
    element.remove()
    stay()
  })
  go()
  host.append(element)
  while (host.children.length > most) host.firstElementChild?.remove()
}
