// @ts-check
// A card: its title, what stands beside that, and what is in it.

import { h } from './dom.js'

/**
 * @typedef {object} CardHead
 * @property {string} title
 * @property {string} [titleId] With it the card goes by its title for those who cannot see it.
 * @property {string} [note] Beside the title, in few words.
 * @property {import('./dom.js').Child} [aside] At the end of that line: a number, a choice, a button.
 * @property {string} [look] Classes: how wide it is in a grid.
 */

/** @param {CardHead} head @param {...import('./dom.js').Child} body */
export function createCard({ title, titleId, note, aside, look = '' }, ...body) {
  return h(
    'section',
    { class: `card ${look}`, 'aria-labelledby': titleId },
    h(
      'header',
      { class: 'card-head' },
      h('h2', { id: titleId }, title),
      note !== undefined && h('span', { class: 'quiet' }, note),
      aside,
    ),
    ...body,
  )
}
