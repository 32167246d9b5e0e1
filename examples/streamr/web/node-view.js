// @ts-check
// One node on a page of its own: its card and its ledger.

import { h } from '/kit/dom.js'
import { createLedger } from './ledger.js'
import { createNodeCard } from './node-card.js'
import { createSoon } from '/kit/soon.js'

/** @param {import('./page.js').Context} context @param {string} nodeId @returns {import('./page.js').View} */
export function createNodeView({ person }, nodeId) {
  const host = h('div')
  const card = createNodeCard(host, { nodeId, isOperator: person?.is_operator === true, isWhole: true })
  const ledger = createLedger({
    account: `node:${nodeId}`,
    hint: 'Once an hour nodes are paid for what they carried.',
    look: 'span-7',
  })
  const refreshCard = createSoon(card.refresh, 1_000)
  const refreshLedger = createSoon(ledger.refresh)
  return {
    title: nodeId,
    element: h(
      'div',
      { class: 'view' },
      h('h1', { class: 'page-title' }, 'Node ', nodeId),
      h('div', { class: 'grid' }, h('section', { class: 'card span-5 side', id: 'node-card' }, host), ledger.element),
    ),
    refresh: () => {
      refreshCard()
      refreshLedger()
    },
    topics: () => [
      { topic: { table: 'nodes', key: { node_id: nodeId } }, onChange: refreshCard },
      { topic: { rollup: 'node_earnings_hourly', by: { node_id: nodeId } }, onChange: refreshCard },
      {
        topic: { table: 'fraud_findings', where: { node_id: nodeId } },
        onChange: refreshCard,
      },
      {
        topic: { table: 'payout_runs' },
        onChange: () => {
          refreshCard()
          refreshLedger()
        },
      },
    ],
    close: () => {
      card.close()
      ledger.close()
    },
  }
}
