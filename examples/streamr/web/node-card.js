// @ts-check
// One node: how it is, what it earned, how its polls of the last day went, and what was found against it.

import { fill, h } from '/kit/dom.js'
import { createSparkline } from '/kit/sparkline.js'
import { createState } from '/kit/state.js'
import { createAgo } from '/kit/ago.js'
import { formatTokens } from './money.js'
import { pathOf, read, write } from '/kit/reading.js'
import { createNodeBadge } from './status.js'

/**
 * @typedef {object} NodeAnswer
 * @property {string} node_id
 * @property {string} stream_id
 * @property {string | null} display_name
 * @property {string} status
 * @property {string | null} last_heartbeat
 * @property {{ amount: string, amount_1d: string, payouts: string }} paid
 * @property {{ successful_polls: readonly number[], total_polls: readonly number[] }} series
 *
 * @typedef {{ finding_id: string, rule: string, found_at: string }} Finding
 */

/**
 * @param {HTMLElement} host
 * @param {{ nodeId: string, isOperator: boolean, owner?: string, isWhole?: boolean }} options `isWhole`: the card is all there is
 *   about it, so it leads nowhere else.
 */
export function createNodeCard(host, { nodeId, isOperator, owner, isWhole = false }) {
  const state = createState(host, {
    load: async (signal) => {
      const [node, { findings }] = await Promise.all([
        read(pathOf`/nodes/${nodeId}?hours=24`, signal),
        read(pathOf`/fraud?node_id=${nodeId}&limit=10`, signal),
      ])
      return { node: /** @type {NodeAnswer} */ (node), findings: /** @type {Finding[]} */ (findings) }
    },
    render: ({ node, findings }, body) =>
      fill(
        body,
        ...drawHead(node, owner),
        drawFacts(node),
        ...drawPolls(node),
        findings.length > 0 && drawFindings(findings),
        drawFoot(node, {
          isWhole,
          onReview: isOperator && node.status === 'SUSPENDED' ? () => void review() : undefined,
        }),
      ),
    skeleton: 'text',
    rows: 6,
  })
  const review = async () => {
    try {
      await write('POST', pathOf`/nodes/${nodeId}/review`)
      await state.refresh()
    } catch (error) {
      state.fail(error)
    }
  }
  return state
}

/** @param {NodeAnswer} node @param {string} [owner] */
function drawHead({ display_name, node_id, status }, owner) {
  const name = owner ?? display_name ?? node_id
  return [
    h('div', { class: 'row' }, h('h3', { class: 'node-name' }, name), createNodeBadge(status)),
    name !== node_id && h('p', { class: 'quiet' }, node_id),
  ]
}

/** @param {NodeAnswer} node */
function drawFacts({ last_heartbeat, paid, stream_id }) {
  /** @type {[string, Node | string][]} */
  const facts = [
    ['Heartbeat', createAgo(last_heartbeat)],
    ['Last 24 hours', formatTokens(paid.amount_1d, { decimals: 4, unit: 'tokens' })],
    ['In all', formatTokens(paid.amount, { decimals: 4, unit: 'tokens' })],
    ['Carries', h('a', { href: pathOf`#/streams/${stream_id}` }, stream_id)],
  ]
  return h('dl', { class: 'facts' }, ...facts.flatMap(([name, value]) => [h('dt', null, name), h('dd', null, value)]))
}

/** @param {NodeAnswer} node */
function drawPolls({ series: { successful_polls, total_polls } }) {
  const ok = successful_polls.reduce((sum, one) => sum + one, 0)
  const all = total_polls.reduce((sum, one) => sum + one, 0)
  const text = all === 0 ? 'Not polled in the last 24 hours' : `${ok} of ${all} polls answered in 24 hours`
  const spark = createSparkline({
    // The hour that has begun would look like a fall.
    values: all === 0 ? [] : successful_polls.slice(0, -1),
    label: `Successful polls by the hour: ${text}`,
    width: 280,
    height: 56,
  })
  spark.element.setAttribute('preserveAspectRatio', 'none')
  spark.element.classList.add('spark-wide')
  return [spark.element, h('p', { class: 'quiet', 'data-polls': '' }, text)]
}

/** @param {readonly Finding[]} findings */
function drawFindings(findings) {
  return h(
    'ul',
    { class: 'row node-findings', 'aria-label': 'Open findings' },
    ...findings.map(({ rule }) => h('li', { class: 'badge badge-bad' }, rule)),
  )
}

/** @param {NodeAnswer} node @param {{ isWhole: boolean, onReview: (() => void) | undefined }} options */
function drawFoot({ node_id }, { isWhole, onReview }) {
  if (isWhole && onReview === undefined) return
  return h(
    'div',
    { class: 'card-foot' },
    !isWhole && h('a', { class: 'button', href: pathOf`#/nodes/${node_id}` }, 'Ledger'),
    onReview !== undefined &&
      h('button', { class: 'button', type: 'button', on: { click: onReview } }, 'Reviewed, let it come back'),
  )
}
