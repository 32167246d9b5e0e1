// @ts-check
// The world with nodes on it. Marks keep their size however close one looks; what is too close together is one mark that says how many it
// is, and comes apart when it is pressed.

import { s } from '/kit/dom.js'
import { boxOf, groupNodes } from './clusters.js'
import { createCamera, leastWidth, mostWidth, world } from './map-camera.js'
import { createControls, follow } from './map-hands.js'
import { createMarks, reachPx } from './map-marks.js'

/** @typedef {import('./clusters.js').MapNode} MapNode */

/** Nodes that are this near to each other stay one mark however close one looks. */
const samePlace = 0.02

/**
 * @param {HTMLElement} host
 * @param {{ onSelect: (nodes: readonly MapNode[]) => void }} options Called with one node, or with several that stand in one place.
 */
export function createMap(host, { onSelect }) {
  const layer = s('g')
  const svg = s(
    'svg',
    {
      class: 'map map-world',
      tabindex: 0,
      role: 'group',
      'aria-label': 'Map of nodes. Arrow keys move it, + and − zoom.',
    },
    s('use', { href: '/kit/world.svg#land' }),
    layer,
  )
  /** @type {readonly MapNode[]} */
  let nodes = []
  /** @type {string | undefined} */
  let selected

  const draw = () => {
    const { clientWidth, clientHeight } = svg
    if (clientWidth === 0) return
    const { x, y, width } = camera.view()
    const height = (width * clientHeight) / clientWidth
    svg.setAttribute('viewBox', `${x - width / 2} ${y - height / 2} ${width} ${height}`)
    svg.classList.toggle('map-closer', width < mostWidth)
    const scale = width / clientWidth
    marks.draw(groupNodes(nodes, scale * reachPx), { scale, selected })
  }
  const camera = createCamera({ svg, draw })
  const marks = createMarks(layer, {
    onPress: ({ nodes: pressed }) => {
      const box = boxOf(pressed)
      const isApart = box !== undefined && Math.max(box.width, box.height) > samePlace
      if (pressed.length > 1 && isApart && camera.view().width > leastWidth) camera.fit(pressed)
      else onSelect(pressed)
    },
  })
  const observer = new ResizeObserver(draw)
  observer.observe(svg)
  follow(svg, camera)
  host.replaceChildren(svg)
  return {
    controls: createControls({
      zoom: camera.zoom,
      onFit: () => camera.fit(nodes),
      onWorld: () => camera.go(world),
    }),
    /** @param {readonly MapNode[]} next */
    update: (next) => {
      const isFirst = nodes.length === 0
      nodes = next
      if (isFirst) camera.begin(nodes)
      else draw()
    },
    /** @param {MapNode | undefined} node Comes into sight, and is marked. */
    select: (node) => {
      selected = node?.node_id
      draw()
      if (node !== undefined) camera.bring(node)
    },
    close: () => {
      camera.close()
      observer.disconnect()
    },
  }
}
