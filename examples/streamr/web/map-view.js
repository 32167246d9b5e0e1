// @ts-check
// The map: nodes of friends, how they are, what they and one's own earn.

import { createCard } from '/kit/card.js'
import { fill, h, s } from '/kit/dom.js'
import { read } from '/kit/reading.js'
import { createSoon } from '/kit/soon.js'
import { createEmpty, createState } from '/kit/state.js'
import { createEarnings } from './earnings.js'
import { createMap } from './map.js'
import { createSide } from './map-side.js'
import { drawStatus, lookOf, nodeStatuses } from './status.js'

/**
 * @typedef {import('./clusters.js').MapNode & { user_id: string, stream_id: string, last_heartbeat: string | null }} FriendNode
 * @typedef {import('/kit/live/index.js').LiveSubscription} LiveSubscription
 */

/** Owners whose nodes one live topic can name, oneself among them. */
const mostOwners = 100
/** So many pages of nodes are loaded; nobody has more friends than that. */
const mostPages = 10

/** @param {import('./page.js').Context} context @returns {import('./page.js').View} */
export function createMapView({ person, relisten }) {
  if (person === undefined) return createNobody()
  const tiles = createEarnings()
  const side = createSide({ isOperator: person.is_operator, onSelect: (node) => select(node), onBack: () => select() })
  /** @type {FriendNode | undefined} */
  let selected
  /** @param {FriendNode} [node] */
  const select = (node) => {
    selected = node
    friends.select(node)
    side.show(node, friends.nodes())
    relisten()
  }
  const friends = createFriends({
    onLoad: (nodes) => drawn.setEmpty(nodes.length === 0),
    onDraw: (nodes, controls) => {
      drawn.setControls(controls)
      side.update(nodes)
      relisten()
    },
    onPress: (those) => (those.length === 1 ? select(those[0]) : side.choose(those)),
  })
  const drawn = drawView({ tiles: tiles.element, mapHost: friends.host, side: side.element })
  const refreshAll = createSoon(friends.refresh)
  const refreshCard = createSoon(side.refreshCard, 1_000)
  const refreshTiles = createSoon(tiles.refresh, 2_000)
  return {
    title: '',
    element: drawn.element,
    refresh: () => {
      refreshAll()
      refreshTiles()
      refreshCard()
    },
    topics: () => topicsOf({ person, nodes: friends.nodes(), selected, onNode, refreshCard, refreshTiles, refreshAll }),
    close: () => {
      for (const one of [friends, tiles, side]) one.close()
    },
  }

  /** @param {import('/kit/live/index.js').LiveChange} change */
  function onNode({ kind, key, row }) {
    const node = friends.nodes().find(({ node_id }) => node_id === key?.['node_id'])
    if (kind !== 'update' || row === undefined || node === undefined) return refreshAll()
    node.status = row['status'] ?? node.status
    node.last_heartbeat = row['last_heartbeat'] ?? null
    friends.redraw()
    side.update(friends.nodes())
    refreshTiles()
    if (node.node_id === selected?.node_id) refreshCard()
  }
}

/**
 * The nodes of friends, on the map.
 * @param {{
 *   onLoad: (nodes: readonly FriendNode[]) => void,
 *   onDraw: (nodes: readonly FriendNode[], controls: HTMLElement) => void,
 *   onPress: (those: readonly FriendNode[]) => void,
 * }} options `onLoad`: before it is known whether there is something to draw.
 */
function createFriends({ onLoad, onDraw, onPress }) {
  const host = h('div')
  /** @type {FriendNode[]} */
  let nodes = []
  /** @type {ReturnType<typeof createMap> | undefined} */
  let map
  const empty = { title: '', hint: '' }
  const state = createState(host, {
    load: async (signal) => {
      const loaded = await loadNodes(signal)
      if (loaded.length === 0) Object.assign(empty, await explainEmpty(signal))
      return loaded
    },
    isEmpty: (loaded) => {
      nodes = [...loaded]
      onLoad(nodes)
      return nodes.length === 0
    },
    render: (_, body) => {
      map ??= createMap(body, { onSelect: (those) => onPress(/** @type {readonly FriendNode[]} */ (those)) })
      map.update(nodes)
      onDraw(nodes, map.controls)
    },
    empty,
    skeleton: 'chart',
  })
  return {
    host,
    nodes: () => nodes,
    refresh: state.refresh,
    redraw: () => map?.update(nodes),
    /** @param {FriendNode | undefined} node */
    select: (node) => map?.select(node),
    close: () => {
      state.close()
      map?.close()
    },
  }
}

/**
 * @param {{
 *   person: { user_id: string }, nodes: readonly FriendNode[], selected: FriendNode | undefined,
 *   onNode: (change: import('/kit/live/index.js').LiveChange) => void,
 *   refreshCard: () => void, refreshTiles: () => void, refreshAll: () => void,
 * }} options
 * @returns {readonly LiveSubscription[]}
 */
function topicsOf({ person: { user_id }, nodes, selected, onNode, refreshCard, refreshTiles, refreshAll }) {
  const owners = [...new Set([user_id, ...nodes.map((node) => node.user_id)])].slice(0, mostOwners)
  return [
    { topic: { table: 'nodes', where: { user_id: owners } }, onChange: onNode },
    { topic: { table: 'payout_runs' }, onChange: refreshTiles },
    { topic: { table: 'friendships', key: { user_id } }, onChange: refreshAll },
    { topic: { table: 'friendships', key: { friend_id: user_id } }, onChange: refreshAll },
    ...(selected === undefined
      ? []
      : [
          {
            topic: { rollup: 'node_earnings_hourly', by: { node_id: selected.node_id } },
            onChange: refreshCard,
          },
        ]),
  ]
}

/** @param {AbortSignal} signal @returns {Promise<readonly FriendNode[]>} */
async function loadNodes(signal) {
  /** @type {FriendNode[]} */
  const nodes = []
  let next = ''
  for (let page = 0; page < mostPages; page++) {
    const answer = await read(`/friends/nodes?limit=500${next}`, signal)
    nodes.push(...answer.nodes)
    if (answer.next === null) break
    next = `&cursor=${encodeURIComponent(answer.next)}`
  }
  return nodes
}

/** @param {AbortSignal} signal */
async function explainEmpty(signal) {
  const { friends } = await read('/friends?limit=1&fields=user_id', signal)
  return friends.length === 0
    ? { title: 'No friends yet', hint: 'As soon as somebody is your friend, their nodes stand here on the map.' }
    : { title: 'No nodes yet', hint: 'Your friends run no nodes so far. Once one does, it appears here by itself.' }
}

/** @param {{ tiles: HTMLElement, mapHost: HTMLElement, side: HTMLElement }} parts */
function drawView({ tiles, mapHost, side }) {
  mapHost.classList.add('map-place')
  const legend = nodeStatuses.map((status) =>
    h(
      'li',
      null,
      s('svg', { viewBox: '-1.4 -1.4 2.8 2.8', width: 14, height: 14, 'aria-hidden': 'true' }, drawStatus(status)),
      lookOf(status).label,
    ),
  )
  const controls = h('div')
  const card = createCard(
    { title: 'Nodes of your friends', aside: controls, look: 'span-8 map-card' },
    mapHost,
    h('ul', { class: 'map-legend', 'aria-label': 'What the marks mean' }, ...legend),
  )
  return {
    element: h(
      'div',
      { class: 'view' },
      h('h1', { class: 'sr-only' }, 'Map'),
      tiles,
      h('div', { class: 'grid' }, card, side),
    ),
    /** @param {HTMLElement} element */
    setControls: (element) => {
      if (!controls.contains(element)) fill(controls, element)
    },
    /** @param {boolean} isEmpty */
    setEmpty: (isEmpty) => {
      side.hidden = isEmpty
      controls.hidden = isEmpty
      card.classList.toggle('span-8', !isEmpty)
    },
  }
}

/** @returns {import('./page.js').View} */
function createNobody() {
  const empty = createEmpty({
    title: 'Nobody is signed in',
    hint: 'Friends and their nodes are shown to whoever has some.',
    action: h('a', { class: 'button button-link', href: '#/streams' }, 'See the streams'),
  })
  const element = h(
    'div',
    { class: 'view' },
    h('h1', { class: 'sr-only' }, 'Map'),
    h('section', { class: 'card', 'data-state': 'empty' }, empty),
  )
  return { title: '', element, refresh: () => undefined, topics: () => [], close: () => undefined }
}
