// The map: whether places are on land where they should be, and whether no outline runs across all of it.

import { expect, test } from 'vitest'
import { drawWorld } from '../../../examples/kit/src/world.ts'

type Point = readonly [x: number, y: number]

function ringsOf(svg: string): Point[][] {
  const path = / d="([^"]*)"/.exec(svg)?.[1] ?? ''
  return path
    .split('z')
    .filter((ring) => ring !== '')
    .map((ring) => {
      const [head = '', rest = ''] = ring.split('l')
      let [x = 0, y = 0] = numbers(head)
      const points: Point[] = [[x, y]]
      const steps = numbers(rest)
      for (let index = 0; index < steps.length; index += 2) {
        x += steps[index] ?? 0
        y += steps[index + 1] ?? 0
        points.push([x, y])
      }
      return points
    })
}

function numbers(text: string): number[] {
  return [...text.matchAll(/-?\d+(\.\d+)?/g)].map(([found]) => Number(found))
}

/** Even and odd: as often as a ray crosses an outline. */
function isLand(rings: readonly (readonly Point[])[], lat: number, lon: number): boolean {
  const [x, y] = [lon + 180, 90 - lat]
  const crossings = rings.flatMap((ring) =>
    ring.filter(([x1, y1], index) => {
      const [x2, y2] = ring[(index + 1) % ring.length] ?? [0, 0]
      return y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1
    }),
  )
  return crossings.length % 2 === 1
}

const rings = ringsOf(await drawWorld())

test.each([
  ['Madrid', 40.4, -3.7],
  ['Nairobi', -1.3, 36.8],
  ['Denver', 39.7, -105],
  ['Alice Springs', -23.7, 133.9],
  ['Anadyr, east of 170', 64.7, 176],
  ['Chukotka, across 180', 66.5, -176],
  ['the South Pole, nearly', -88, 30],
])('%s is on land', (_, lat, lon) => expect(isLand(rings, lat, lon)).toBe(true))

test.each([
  ['the Atlantic', 30, -40],
  ['the Pacific', 0, -150],
  ['the Indian Ocean', -20, 80],
  ['the Pacific at 180', 20, 179],
])('%s is water', (_, lat, lon) => expect(isLand(rings, lat, lon)).toBe(false))

test('only Antarctica has an edge that runs across the map', () => {
  const long = rings.flatMap((ring) =>
    ring.filter(([x], index) => Math.abs(x - (ring[(index + 1) % ring.length]?.[0] ?? 0)) > 90),
  )
  for (const [, y] of long) expect(y).toBeGreaterThan(160)
})
