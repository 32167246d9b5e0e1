// @ts-check
// Beside the map: all nodes as a list, those of one place, or the card of one. Those with a trouble come first.

import { fill, h } from '/kit/dom.js'
import { createSkeleton } from '/kit/state.js'
import { createAgo } from '/kit/ago.js'
import { createNodeCard } from './node-card.js'
import { createKeyed } from '/kit/paged-list.js'
import { createNodeBadge, severityOf } from './status.js'

/** @typedef {import('./map-view.js').FriendNode} FriendNode */

/** As long as the map is high; the rest on demand. */
const fewest = 7

/** @param {{ isOperator: boolean, onSelect: (node: FriendNode) => void, onBack: () => void }} options */
export function createSide({ isOperator, onSelect, onBack }) {
  const title = h('h2', { tabindex: -1 }, 'All of them')
  const back = h(
    'button',
    { class: 'button button-small', type: 'button', hidden: true, on: { click: onBack } },
    'All nodes',
  )
  const list = createNodeList(onSelect)
  const cardHost = h('div', { id: 'node-card', hidden: true })
  const element = h(
    'section',
    { class: 'card span-4 side', 'aria-label': 'Chosen nodes' },
    h('header', { class: 'card-head' }, title, back),
    list.element,
    cardHost,
  )
  /** @type {ReturnType<typeof createNodeCard> | undefined} */
  let card
  /** @type {ReadonlySet<string> | undefined} */
  let only
  /** @param {readonly FriendNode[]} nodes */
  const update = (nodes) => {
    const shown = only === undefined ? nodes : nodes.filter(({ node_id }) => only?.has(node_id))
    list.update(shown)
    title.textContent =
      card !== undefined ? 'Node' : only === undefined ? 'All of them' : `${shown.length} in one place`
    back.hidden = card === undefined && only === undefined
    list.element.hidden = card !== undefined
    cardHost.hidden = card === undefined
  }
  return {
    element,
    update,
    refreshCard: () => card?.refresh(),
    /** @param {FriendNode | undefined} node @param {readonly FriendNode[]} nodes */
    show: (node, nodes) => {
      card?.close()
      only = undefined
      card = undefined
      if (node !== undefined) {
        const place = h('div')
        fill(cardHost, place)
        card = createNodeCard(place, { nodeId: node.node_id, isOperator, owner: node.display_name })
        void card.refresh()
      }
      update(nodes)
      title.focus({ preventScroll: true })
    },
    /** @param {readonly FriendNode[]} nodes */
    choose: (nodes) => {
      card?.close()
      card = undefined
      only = new Set(nodes.map(({ node_id }) => node_id))
      update(nodes)
      title.focus({ preventScroll: true })
    },
    close: () => card?.close(),
  }
}

/** @param {(node: FriendNode) => void} onSelect */
function createNodeList(onSelect) {
  const list = h('ul', { class: 'rows rows-press', 'aria-label': 'Nodes' })
  const all = h('button', { class: 'button', type: 'button', on: { click: () => showAll() } })
  const foot = h('div', { class: 'rows-foot' }, all)
  const skeleton = createSkeleton({ rows: fewest })
  const element = h('div', null, skeleton)
  const keyed = createKeyed(list, { keyOf: ({ node_id }) => node_id, row: (node) => createRow(node, onSelect) })
  let isWhole = false
  /** @type {readonly FriendNode[]} */
  let nodes = []
  const draw = () => {
    if (!element.contains(list)) fill(element, list, foot)
    const isLong = nodes.length > fewest + 1 && !isWhole
    keyed.update(isLong ? nodes.slice(0, fewest) : nodes)
    foot.hidden = !isLong
    all.textContent = `Show all ${nodes.length}`
  }
  const showAll = () => {
    isWhole = true
    draw()
    list.querySelectorAll('button')[fewest]?.focus({ preventScroll: true })
  }
  return {
    element,
    /** @param {readonly FriendNode[]} next */
    update: (next) => {
      nodes = next.toSorted((a, b) => severityOf(b.status) - severityOf(a.status) || (a.node_id < b.node_id ? -1 : 1))
      draw()
    },
  }
}

/** @param {FriendNode} node @param {(node: FriendNode) => void} onSelect */
function createRow(node, onSelect) {
  let shown = node
  const badge = h('span')
  const ago = h('span')
  const element = h(
    'li',
    null,
    h(
      'button',
      { class: 'row-button', type: 'button', on: { click: () => onSelect(shown) } },
      h(
        'span',
        { class: 'row-main' },
        h('span', { class: 'row-name' }, node.display_name),
        h('span', { class: 'row-note row-cut' }, `${node.node_id} · `, ago),
      ),
      badge,
    ),
  )
  return {
    element,
    /** @param {FriendNode} next */
    set: (next) => {
      shown = next
      fill(badge, createNodeBadge(next.status))
      fill(ago, createAgo(next.last_heartbeat, 'no heartbeat'), next.lat === null ? ' · no place' : null)
    },
  }
}
