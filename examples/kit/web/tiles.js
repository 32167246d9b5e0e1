// @ts-check
// One number with its name and what is to be said about it.

import { fill, h } from './dom.js'

/** @param {string} label */
export function createTile(label) {
  const value = h('p', { class: 'tile-value' })
  const note = h('p', { class: 'tile-note' })
  return {
    element: h('div', { class: 'tile' }, h('p', { class: 'tile-label' }, label), value, note),
    /** @param {string} text @param {string} [about] @param {string} [unit] */
    set: (text, about = '', unit = '') => {
      fill(value, text, unit !== '' && h('small', null, ` ${unit}`))
      note.textContent = about
    },
  }
}
