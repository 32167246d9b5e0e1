// @ts-check
// What the rules against fraud have found and is not over. Operators see the evidence, and let a node come back.

import { fill, h } from '/kit/dom.js'
import { createAgo } from '/kit/ago.js'
import { createPagedList } from '/kit/paged-list.js'
import { pathOf, write } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'

/** @typedef {{ finding_id: string, node_id: string, stream_id: string, rule: string, found_at: string, evidence?: unknown }} Finding */

/** @type {Record<string, [label: string, about: string]>} */
const rules = {
  contradiction: ['Contradiction', 'claims more than a spot check can show'],
  replay: ['Replay', 'gave an answer that was given before'],
  impossible: ['Impossible', 'told numbers or times that cannot be'],
  'stale-heartbeat': ['Stale heartbeat', 'answers polls while nothing carries the stream'],
  'crowded-address': ['Crowded address', 'stands with many others behind one address'],
}

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createFraudView({ person, say }) {
  const host = h('div', { id: 'findings' })
  const failed = h('p', { class: 'say-error', role: 'alert' })
  /** @param {string} nodeId */
  const review = async (nodeId) => {
    try {
      await write('POST', pathOf`/nodes/${nodeId}/review`)
      fill(failed)
      say(`${nodeId} was reviewed`)
      await list.refresh()
    } catch (error) {
      fill(failed, error instanceof Error ? error.message : String(error))
    }
  }
  const onReview = person?.is_operator === true ? review : undefined
  const list = createPagedList(host, {
    name: 'findings',
    path: () => '/fraud?limit=15',
    keyOf: (/** @type {Finding} */ { finding_id }) => finding_id,
    row: (finding) => createRow(finding, onReview),
    label: 'Open findings',
    empty: {
      title: 'Nothing was found',
      hint: 'Nodes that lie, replay or cannot be are listed here as soon as a probe shows it.',
    },
    more: 'Show older findings',
  })
  const refresh = createSoon(list.refresh, 1_000)
  return {
    title: 'Fraud',
    element: h(
      'div',
      { class: 'view' },
      h(
        'div',
        { class: 'page-head' },
        h(
          'div',
          null,
          h('h1', null, 'Fraud'),
          h('p', null, 'Open findings, the newest first. A finding is over when its rule is satisfied again.'),
        ),
      ),
      h('section', { class: 'card' }, failed, host),
    ),
    refresh,
    topics: () => [{ topic: { table: 'fraud_findings' }, onChange: refresh }],
    close: list.close,
  }
}

/** @param {Finding} finding @param {((nodeId: string) => Promise<void>) | undefined} onReview */
function createRow({ node_id, stream_id, rule, found_at, evidence }, onReview) {
  const [label, about] = rules[rule] ?? [rule, '']
  return {
    element: h(
      'li',
      { class: 'finding' },
      h(
        'span',
        { class: 'row-main' },
        h(
          'span',
          { class: 'row-line' },
          h('a', { class: 'row-name', href: pathOf`#/nodes/${node_id}` }, node_id),
          h('span', { class: 'badge badge-bad' }, label),
        ),
        h(
          'span',
          { class: 'row-note' },
          `${about} · on `,
          h('a', { href: pathOf`#/streams/${stream_id}` }, stream_id),
          ' · ',
          createAgo(found_at),
        ),
      ),
      onReview !== undefined &&
        h(
          'button',
          { class: 'button button-small', type: 'button', on: { click: () => void onReview(node_id) } },
          'Reviewed',
        ),
      evidence !== undefined &&
        evidence !== null &&
        h(
          'details',
          { class: 'evidence-place' },
          h('summary', { class: 'quiet' }, 'Evidence'),
          h('pre', { class: 'evidence' }, JSON.stringify(evidence, null, 1)),
        ),
    ),
  }
}
