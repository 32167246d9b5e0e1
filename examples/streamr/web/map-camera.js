// @ts-check
// What part of the world is looked at, and how that moves to another.

import { movesFreely } from '/kit/motion.js'
import { boxOf } from './clusters.js'

/**
 * @typedef {import('./clusters.js').MapNode} MapNode
 * @typedef {{ x: number, y: number, width: number }} MapView The middle, and how much of the world stands side by side.
 * @typedef {ReturnType<typeof createCamera>} Camera
 */

export const leastWidth = 3
export const mostWidth = 360
/** The whole world without the ice of the south. @type {MapView} */
export const world = { x: 180, y: 80, width: mostWidth }
const moveMs = 350
/** Around what is brought into sight. */
const marginPx = 40
/** At first not so close that one could not tell where it is. */
const firstWidth = 24

/** @param {{ svg: SVGSVGElement, draw: (view: MapView) => void }} options `draw` is called wherever the view is another one. */
export function createCamera({ svg, draw }) {
  let view = world
  let frame = 0
  /** @param {MapView} next At once. */
  const move = (next) => {
    cancelAnimationFrame(frame)
    view = bounded(next)
    draw(view)
  }
  /** @param {MapView} next */
  const go = (next) => {
    if (!movesFreely()) return move(next)
    cancelAnimationFrame(frame)
    const [from, to] = [view, bounded(next)]
    const beganMs = performance.now()
    const step = () => {
      const part = Math.min(1, (performance.now() - beganMs) / moveMs)
      view = between(from, to, 1 - (1 - part) ** 3)
      draw(view)
      if (part < 1) frame = requestAnimationFrame(step)
    }
    step()
  }
  return {
    view: () => view,
    move,
    go,
    /** @param {number} factor @param {{ x: number, y: number }} [around] What stays where it is. */
    zoom: (factor, around = view) => {
      const width = Math.min(mostWidth, Math.max(leastWidth, view.width * factor))
      const part = width / view.width
      go({ width, x: around.x + (view.x - around.x) * part, y: around.y + (view.y - around.y) * part })
    },
    /** @param {readonly MapNode[]} nodes */
    fit: (nodes) => go(enclose(nodes, svg) ?? world),
    /** @param {readonly MapNode[]} nodes */
    begin: (nodes) => {
      const first = enclose(nodes, svg) ?? world
      move({ ...first, width: Math.max(first.width, firstWidth) })
    },
    /** @param {MapNode} node Comes into sight if it is not. */
    bring: (node) => {
      const box = boxOf([node])
      if (box === undefined) return
      const height = (view.width * svg.clientHeight) / Math.max(1, svg.clientWidth)
      const isFar = Math.abs(box.x - view.x) > view.width * 0.46 || Math.abs(box.y - view.y) > height * 0.46
      if (isFar) go({ ...view, x: box.x, y: box.y })
    },
    close: () => cancelAnimationFrame(frame),
  }
}

/** @param {MapView} view @returns {MapView} */
function bounded({ x, y, width }) {
  return {
    width: Math.min(mostWidth, Math.max(leastWidth, width)),
    x: Math.min(360, Math.max(0, x)),
    y: Math.min(165, Math.max(5, y)),
  }
}

/** @param {MapView} from @param {MapView} to @param {number} part @returns {MapView} */
function between(from, to, part) {
  return {
    x: from.x + (to.x - from.x) * part,
    y: from.y + (to.y - from.y) * part,
    width: from.width * (to.width / from.width) ** part,
  }
}

/** A view of all of them, with room around. @param {readonly MapNode[]} nodes @param {SVGSVGElement} svg */
function enclose(nodes, { clientWidth, clientHeight }) {
  const box = boxOf(nodes)
  if (box === undefined || clientWidth === 0) return undefined
  const across = (box.width * clientWidth) / Math.max(1, clientWidth - 2 * marginPx)
  const down = (box.height * clientWidth) / Math.max(1, clientHeight - 2 * marginPx)
  return bounded({ x: box.x + box.width / 2, y: box.y + box.height / 2, width: Math.max(across, down) })
}
