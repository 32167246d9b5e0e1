// Marks of the map: every node that has a place is in one group, near to the first of it, whatever order they come in.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkProperty } from '../../support/property.ts'

interface MapNode {
  readonly node_id: string
  readonly display_name: string
  readonly status: string
  readonly lat: number | null
  readonly lon: number | null
}

interface Point {
  readonly x: number
  readonly y: number
}

interface Group extends Point {
  readonly nodes: readonly MapNode[]
}

interface Clusters {
  readonly pointOf: (node: MapNode) => Point | undefined
  readonly groupNodes: (nodes: readonly MapNode[], reach: number) => readonly Group[]
  readonly boxOf: (
    nodes: readonly MapNode[],
  ) => (Point & { readonly width: number; readonly height: number }) | undefined
}

/** A module of the browser, which the compiler of the tests does not read. */
const module = new URL('../../../examples/streamr/web/clusters.js', import.meta.url).href
const { boxOf, groupNodes, pointOf } = (await import(/* @vite-ignore */ module)) as Clusters

interface Given {
  readonly places: readonly { readonly lat: number | null; readonly lon: number; readonly rank: number }[]
  readonly reach: number
}

const places = fc.array(
  fc.record({
    lat: fc.option(fc.integer({ min: -90, max: 90 }), { freq: 8 }),
    lon: fc.integer({ min: -180, max: 180 }),
    rank: fc.integer(),
  }),
  { maxLength: 60 },
)

test('each node is in one group, within reach of its first, and groups do not depend on the order', async () => {
  const input: fc.Arbitrary<Given> = fc.record({ places, reach: fc.double({ min: 0, max: 90, noNaN: true }) })
  await checkProperty('groups', input, ({ places: given, reach }) => {
    const nodes: readonly MapNode[] = given.map(({ lat, lon }, index) => ({
      node_id: `node-${String(index).padStart(3, '0')}`,
      display_name: 'somebody',
      status: 'ACTIVE',
      lat,
      lon,
    }))
    const groups = groupNodes(nodes, reach)
    const placed = nodes.filter(({ lat }) => lat !== null).map(({ node_id }) => node_id)
    expect(groups.flatMap((group) => group.nodes.map(({ node_id }) => node_id)).toSorted()).toEqual(placed)
    const shuffled = nodes.toSorted(
      (a, b) => (given[nodes.indexOf(a)]?.rank ?? 0) - (given[nodes.indexOf(b)]?.rank ?? 0),
    )
    expect(groupNodes(shuffled, reach)).toEqual(groups)
    for (const group of groups) {
      const [first, ...others] = group.nodes.flatMap((node) => pointOf(node) ?? [])
      for (const other of others)
        expect(Math.hypot(other.x - (first?.x ?? 0), other.y - (first?.y ?? 0))).toBeLessThanOrEqual(reach)
    }
    const box = boxOf(nodes)
    expect(box === undefined).toBe(placed.length === 0)
    for (const { x, y } of groups) {
      expect(x).toBeGreaterThanOrEqual((box?.x ?? 0) - 1e-9)
      expect(y).toBeLessThanOrEqual((box?.y ?? 0) + (box?.height ?? 0) + 1e-9)
    }
  })
})
