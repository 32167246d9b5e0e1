// @ts-check
// How the returns of tokens go together, as a table of numbers whose cells are coloured besides: blue with each other, orange against each
// other, which those who see few colours tell apart; the sign and the number say the same.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { pathOf, read } from '/kit/reading.js'
import { createState } from '/kit/state.js'
import { createTimeframes } from './risk.js'

/**
 * @typedef {{ id: string, symbol: string }} Token
 * @typedef {{ tokenAId: string, tokenBId: string, samples: number, correlation: number | null }} Pair
 * @typedef {{ timeframe: string, tokens: readonly Token[], pairs: readonly Pair[] }} Matrix
 */

/** @param {{ look?: string, tokens: () => readonly Token[] }} options `tokens`: those that are shown; fewer than two say nothing. */
export function createCorrelations({ look, tokens }) {
  let timeframe = '30d'
  const host = h('div', { id: 'correlations' })
  const state = createState(host, {
    /** @returns {Promise<Matrix>} */
    load: async (signal) => {
      const shown = tokens()
      if (shown.length < 2) return { timeframe, tokens: shown, pairs: [] }
      const ids = shown.map(({ id }) => id).join(',')
      const { pairs } = await read(pathOf`/risk/correlations?timeframe=${timeframe}&tokens=${ids}`, signal)
      return { timeframe, tokens: shown, pairs }
    },
    isEmpty: ({ pairs }) => pairs.every(({ correlation }) => correlation === null),
    empty: {
      title: 'Nothing to compare',
      hint: 'It takes two tokens that both have prices in three hours or days of that time.',
    },
    render: (matrix, body) => fill(body, drawMatrix(matrix), createLegend()),
    skeleton: 'chart',
  })
  const aside = createTimeframes({
    label: 'Timeframe of correlations',
    chosen: timeframe,
    onChoose: (chosen) => {
      timeframe = chosen
      void state.refresh()
    },
  })
  return {
    element: createCard({ title: 'Correlations', aside, look }, host),
    refresh: state.refresh,
    close: state.close,
  }
}

/** @param {Matrix} matrix */
function drawMatrix({ timeframe, tokens, pairs }) {
  const known = new Map(pairs.map((pair) => [keyOf(pair.tokenAId, pair.tokenBId), pair.correlation]))
  const head = h('tr', null, h('td', null), ...tokens.map(({ symbol }) => h('th', { scope: 'col' }, symbol)))
  const rows = tokens.map((token) =>
    h(
      'tr',
      null,
      h('th', { scope: 'row' }, token.symbol),
      ...tokens.map((other) =>
        cellOf(known.get(keyOf(token.id, other.id)) ?? null, {
          isSelf: token.id === other.id,
          between: `${token.symbol} and ${other.symbol}`,
        }),
      ),
    ),
  )
  return h(
    'div',
    { class: 'table-wrap', tabindex: 0, role: 'region', 'aria-label': 'Matrix of correlations' },
    h(
      'table',
      { class: 'matrix' },
      h('caption', { class: 'sr-only' }, `Correlations of ${timeframe}, from \u22121 to 1`),
      h('thead', null, head),
      h('tbody', null, ...rows),
    ),
  )
}

/** Of a pair, whichever comes first. @param {string} one @param {string} other */
function keyOf(one, other) {
  return [one, other].toSorted().join(' ')
}

/** @param {number | null} value @param {{ isSelf: boolean, between: string }} of */
function cellOf(value, { isSelf, between }) {
  if (isSelf) return h('td', { class: 'matrix-self' }, '1')
  if (value === null) return h('td', { class: 'matrix-none', title: `${between}: too few prices` }, '–')
  const text = formatCorrelation(value)
  return h(
    'td',
    {
      class: value < 0 ? 'matrix-against' : 'matrix-with',
      style: { '--heat': `${Math.round(Math.abs(value) * 100)}%` },
      title: `${between}: ${text}`,
    },
    text,
  )
}

/** 0.8234 → 0.82, −0.1 → −0.10 @param {number} value */
function formatCorrelation(value) {
  const text = Math.abs(value).toFixed(2)
  return value < 0 && text !== '0.00' ? `\u2212${text}` : text
}

function createLegend() {
  return h(
    'p',
    { class: 'matrix-legend quiet' },
    h('span', { class: 'matrix-scale', 'aria-hidden': 'true' }),
    h('span', null, '\u22121 against each other, 0 neither, 1 together'),
  )
}
