// @ts-check
// How long ago something was, kept true while it is looked at.

import { h } from './dom.js'
import { formatAgo, formatTime } from './format.js'

const everyMs = 10_000

/** @param {string | null} time @param {string} [never] */
export function createAgo(time, never = 'never') {
  if (time === null) return h('span', null, never)
  return h('time', { datetime: time, title: formatTime(time), 'data-ago': '' }, formatAgo(time))
}

setInterval(() => {
  for (const element of document.querySelectorAll('time[data-ago]')) {
    const text = formatAgo(element.getAttribute('datetime') ?? '')
    if (element.textContent !== text) element.textContent = text
  }
}, everyMs)
