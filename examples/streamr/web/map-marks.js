// @ts-check
// Marks on the map: one node as the shape of its status, several as a number in a ring of their statuses.

import { s } from '/kit/dom.js'
import { drawStatus, lookOf, nodeStatuses } from './status.js'

/** @typedef {import('./clusters.js').Group} Group */

/** In pixels. */
const markRadius = 7
const ringRadius = 15
const hitRadius = 20
/** From one mark to the next; nearer ones are one. */
export const reachPx = 30

/**
 * @param {Element} layer
 * @param {{ onPress: (group: Group) => void }} options
 * @returns {{ draw(groups: readonly Group[], view: { scale: number, selected: string | undefined }): void }} `scale`: units a pixel.
 */
export function createMarks(layer, { onPress }) {
  /** @type {Map<string, { element: SVGGElement, group: Group, looks: string }>} */
  const shown = new Map()
  /** @param {Group} group */
  const add = (group) => {
    const press = () => onPress(shown.get(group.key)?.group ?? group)
    const element = s('g', {
      class: 'map-mark',
      role: 'button',
      tabindex: 0,
      on: {
        click: press,
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return
          event.preventDefault()
          press()
        },
      },
    })
    layer.append(element)
    return { element, group, looks: '' }
  }
  return {
    draw: (groups, { scale, selected }) => {
      const kept = new Set(groups.map(({ key }) => key))
      for (const [key, { element }] of shown) {
        if (kept.has(key)) continue
        element.remove()
        shown.delete(key)
      }
      for (const group of groups) {
        const mark = shown.get(group.key) ?? add(group)
        mark.group = group
        shown.set(group.key, mark)
        const isSelected = group.nodes.some(({ node_id }) => node_id === selected)
        mark.element.setAttribute('transform', `translate(${group.x} ${group.y}) scale(${scale})`)
        mark.element.classList.toggle('map-mark-selected', isSelected)
        mark.element.setAttribute('aria-pressed', String(isSelected))
        const looks = describe(group)
        if (mark.looks === looks) continue
        mark.looks = looks
        mark.element.setAttribute('aria-label', looks)
        mark.element.dataset['status'] = group.nodes.length === 1 ? group.nodes[0]?.status : 'several'
        mark.element.replaceChildren(...(group.nodes.length === 1 ? drawOne(group) : drawSeveral(group)))
      }
    },
  }
}

/** @param {Group} group */
function drawOne({ nodes: [node] }) {
  const mark = drawStatus(node?.status ?? 'PENDING')
  mark.setAttribute('transform', `scale(${markRadius})`)
  return [
    s('title', null, node?.display_name ?? ''),
    s('circle', { class: 'map-hit', r: hitRadius }),
    s('circle', { class: 'map-halo', r: markRadius + 5 }),
    mark,
  ]
}

/** @param {Group} group */
function drawSeveral(group) {
  const { nodes } = group
  let begin = 0
  const arcs = nodeStatuses.flatMap((status) => {
    const share = (nodes.filter((node) => node.status === status).length / nodes.length) * 100
    if (share === 0) return []
    const arc = s('circle', {
      class: `map-arc mark-${lookOf(status).tone}`,
      r: ringRadius,
      pathLength: 100,
      'stroke-dasharray': `${share} ${100 - share}`,
      'stroke-dashoffset': -begin,
      transform: 'rotate(-90)',
    })
    begin += share
    return [arc]
  })
  return [
    s('title', null, describe(group)),
    s('circle', { class: 'map-hit', r: hitRadius }),
    s('circle', { class: 'map-disc', r: ringRadius }),
    ...arcs,
    s('text', { class: 'map-count', dy: '0.35em' }, nodes.length),
  ]
}

/** @param {Group} group */
function describe({ nodes }) {
  const [first] = nodes
  if (first !== undefined && nodes.length === 1)
    return `${first.display_name}, ${first.node_id}, ${lookOf(first.status).label}`
  const counts = nodeStatuses
    .map((status) => ({ status, count: nodes.filter((node) => node.status === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => `${count} ${lookOf(status).label.toLowerCase()}`)
  return `${nodes.length} nodes: ${counts.join(', ')}`
}
