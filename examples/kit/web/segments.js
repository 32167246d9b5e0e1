// @ts-check
// A choice of a few, as buttons of which one is pressed.

import { h } from './dom.js'

/**
 * @param {{
 *   label: string,
 *   choices: readonly (readonly [value: string, text: string])[],
 *   chosen?: string,
 *   onChoose: (chosen: string) => void,
 * }} options `chosen`: default: the first.
 * @returns {HTMLElement}
 */
export function createSegments({ label, choices, chosen = choices[0]?.[0], onChoose }) {
  const buttons = choices.map(([value, text], index) =>
    h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(value === chosen),
        on: {
          click: () => {
            for (const [at, button] of buttons.entries()) button.setAttribute('aria-pressed', String(at === index))
            onChoose(value)
          },
        },
      },
      text,
    ),
  )
  return h('div', { class: 'segments', role: 'group', 'aria-label': label }, ...buttons)
}
