// @ts-check
// A wallet as a small picture, so that the same one is known again: a pattern and a colour that follow from its address.

import { s } from '/kit/dom.js'

const rows = 5
const middle = 2
const colours = 7

/** @param {string} address @param {number} [size] */
export function createAvatar(address, size = 36) {
  const digits = Array.from(address.slice(2), (digit) => Number.parseInt(digit, 16) || 0)
  const colour = 1 + (((digits.at(-1) ?? 0) + (digits.at(-2) ?? 0) * 16) % colours)
  const cells = digits.slice(0, rows * 3).flatMap((digit, index) => {
    if (digit % 2 === 0) return []
    const x = Math.floor(index / rows)
    const y = index % rows
    return x === middle ? [cellAt(x, y)] : [cellAt(x, y), cellAt(2 * middle - x, y)]
  })
  return s(
    'svg',
    {
      class: 'avatar',
      viewBox: '-1.5 -1.5 8 8',
      width: size,
      height: size,
      'aria-hidden': 'true',
      style: { '--tone': `var(--c${colour})` },
    },
    s('path', { d: cells.join('') }),
  )
}

/** @param {number} x @param {number} y */
function cellAt(x, y) {
  return `M${x} ${y}h1v1h-1z`
}
