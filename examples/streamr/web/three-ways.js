// @ts-check
// The same payout computed in three ways, for one moment: how long each took as this page saw it, and whether they agree to the last unit.

import { createCard } from '/kit/card.js'
import { fill, h } from '/kit/dom.js'
import { formatCount, formatDuration } from '/kit/format.js'
import { formatTokens } from './money.js'
import { pathOf, read } from '/kit/reading.js'

const ways = /** @type {const} */ ([
  ['rollup', 'From the rollup', 'One statement for all streams'],
  ['single-query', 'Query by query', 'One statement a stream'],
  ['n-plus-one', 'Node by node', 'Three statements a node'],
])

/** @param {{ isOperator: boolean }} options The two that take very many statements are for operators. */
export function createThreeWays({ isOperator }) {
  const closing = new AbortController()
  const shown = ways.map(([name, label, about], index) => ({
    name,
    isOpen: isOperator || index === 0,
    took: h('span', { class: 'way-took' }, isOperator || index === 0 ? '–' : 'operators'),
    label,
    about,
  }))
  const verdict = h('p', { class: 'way-agree', role: 'status', id: 'verdict' })
  const button = h('button', { class: 'button button-main', type: 'button', on: { click: () => void compare() } })
  button.textContent = isOperator ? 'Compute all three' : 'Compute'
  const compare = async () => {
    button.disabled = true
    fill(verdict)
    try {
      /** @type {any[]} */
      const answers = []
      let asOf = ''
      for (const way of shown.filter(({ isOpen }) => isOpen)) {
        way.took.textContent = '…'
        const beganMs = performance.now()
        const answer = await read(pathOf`/payouts?hours_back=1&by=${way.name}` + asOf, closing.signal)
        way.took.textContent = formatDuration(performance.now() - beganMs)
        asOf ||= pathOf`&as_of=${answer.as_of}`
        answers.push(answer)
      }
      fill(verdict, ...judge(answers))
    } catch (error) {
      if (closing.signal.aborted) return
      for (const way of shown) if (way.took.textContent === '…') way.took.textContent = '–'
      fill(
        verdict,
        h('span', { class: 'badge badge-bad' }, 'Failed'),
        ' ',
        error instanceof Error ? error.message : String(error),
      )
    } finally {
      button.disabled = false
    }
  }
  return {
    element: createCard(
      { title: 'Three ways, one result', look: 'span-5 side' },
      h(
        'dl',
        { class: 'ways' },
        ...shown.map(({ label, about, took }) =>
          h(
            'div',
            { class: 'way' },
            h('dt', null, label, h('br'), h('span', { class: 'row-note' }, about)),
            h('dd', null, took),
          ),
        ),
      ),
      h('div', { class: 'card-foot' }, button),
      verdict,
    ),
    close: () => closing.abort(),
  }
}

/** @param {readonly any[]} answers */
function judge(answers) {
  const [first] = answers
  const sum = `${formatTokens(first.total, { decimals: 6 })} tokens, ${formatCount(first.streams.length)} streams`
  if (answers.length === 1) return [sum]
  const agree = answers.every(({ total, streams }) => total === first.total && sameStreams(streams, first.streams))
  return agree
    ? [h('span', { class: 'badge badge-good' }, 'All agree'), ' ', `${sum}, to the last unit`]
    : [
        h('span', { class: 'badge badge-bad' }, 'They differ'),
        ' ',
        answers.map(({ by, total }) => `${by}: ${total}`).join(', '),
      ]
}

/** @param {readonly any[]} one @param {readonly any[]} other */
function sameStreams(one, other) {
  const paid = new Map(other.map((stream) => [stream.stream_id, stream]))
  return (
    one.length === other.length &&
    one.every(({ stream_id, pool, paid: sum, nodes }) => {
      const same = paid.get(stream_id)
      return same?.pool === pool && same.paid === sum && same.nodes === nodes
    })
  )
}
