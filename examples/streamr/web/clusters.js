// @ts-check
// Which nodes stand so close to each other on the map that they are one mark. Pure.
//
// Promises: each node that has a place is in one group; the same nodes at the same zoom give the same groups, in the same order.

/**
 * @typedef {object} MapNode
 * @property {string} node_id
 * @property {string} display_name
 * @property {string} status
 * @property {number | null} lat
 * @property {number | null} lon
 *
 * @typedef {{ x: number, y: number }} Point In the units of the world: degrees from 180° west and from the North Pole.
 * @typedef {{ key: string, x: number, y: number, nodes: readonly MapNode[] }} Group
 * @typedef {{ x: number, y: number, width: number, height: number }} Box
 */

/** @param {MapNode} node @returns {Point | undefined} */
export function pointOf({ lat, lon }) {
  return lat === null || lon === null ? undefined : { x: lon + 180, y: 90 - lat }
}

/**
 * @param {readonly MapNode[]} nodes
 * @param {number} reach How far from the first of a group its others may stand.
 * @returns {readonly Group[]}
 */
export function groupNodes(nodes, reach) {
  const placed = nodes
    .flatMap((node) => {
      const point = pointOf(node)
      return point === undefined ? [] : [{ node, ...point }]
    })
    .toSorted((a, b) => (a.node.node_id < b.node.node_id ? -1 : 1))
  /** @type {Group[]} */
  const groups = []
  let left = placed
  for (let first = left[0]; first !== undefined; first = left[0]) {
    const { x, y } = first
    const near = left.filter((one) => Math.hypot(one.x - x, one.y - y) <= reach)
    left = left.filter((one) => !near.includes(one))
    groups.push({
      key: near.map(({ node }) => node.node_id).join(' '),
      x: near.reduce((sum, one) => sum + one.x, 0) / near.length,
      y: near.reduce((sum, one) => sum + one.y, 0) / near.length,
      nodes: near.map(({ node }) => node),
    })
  }
  return groups
}

/** What encloses them; undefined: none has a place. @param {readonly MapNode[]} nodes @returns {Box | undefined} */
export function boxOf(nodes) {
  const points = nodes.flatMap((node) => pointOf(node) ?? [])
  if (points.length === 0) return undefined
  const xs = points.map(({ x }) => x)
  const ys = points.map(({ y }) => y)
  const [x, y] = [Math.min(...xs), Math.min(...ys)]
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y }
}
