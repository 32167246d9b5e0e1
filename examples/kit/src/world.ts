// The land of the world as one SVG path, for maps: x = longitude + 180, y = 90 - latitude (equirectangular), in a view box of
// 360 by 180. Drawn at the start from Natural Earth's land at 1:110 million.
//
// Promises: corners stand on a tenth of a degree, which is under half a pixel at full width; islands that would be
// smaller than a pixel are left out; in all at most 60 kB. The path has the id "land" and takes the colour of its surroundings,
// so a page draws it by <use href="/kit/world.svg#land">.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { feature } from 'topojson-client'

type Point = readonly [x: number, y: number]
type Topology = Parameters<typeof feature>[0]

/** Of a degree. */
const grain = 10
/** In square degrees. */
const leastArea = 0.4

export async function drawWorld(): Promise<string> {
  const file = createRequire(import.meta.url).resolve('world-atlas/land-110m.json')
  const topology = JSON.parse(await readFile(file, 'utf8')) as Topology
  const path = rings(feature(topology, 'land'))
    .flatMap(unwrap)
    .map((ring) => ring.map(([lon, lat]): Point => [Math.round((lon + 180) * grain), Math.round((90 - lat) * grain)]))
    .filter((ring) => areaOf(ring) >= leastArea * grain * grain)
    .map(drawRing)
    .join('')
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 180">',
    `<path id="land" fill="currentColor" d="${path}"/>`,
    '</svg>\n',
  ].join('')
}

interface Shape {
  readonly type: string
  readonly features?: readonly Shape[]
  readonly geometry?: Shape
  readonly coordinates?: unknown
}

function rings(shape: Shape): readonly (readonly Point[])[] {
  const { type, features, geometry, coordinates } = shape
  if (features !== undefined) return features.flatMap(rings)
  if (geometry !== undefined) return rings(geometry)
  if (type === 'Polygon') return coordinates as Point[][]
  if (type === 'MultiPolygon') return (coordinates as Point[][][]).flat()
  throw new Error(`The land of the world: expected polygons, got ${type}`)
}

/**
 * Land across 180° jumps from one side of the map to the other, which would be a line over all of it. It is drawn in one piece that
 * stands out of the map, and once more on the other side. Land around the South Pole has to jump, and reaches down to it.
 */
function unwrap(ring: readonly Point[]): readonly (readonly Point[])[] {
  let turn = 0
  let before = ring[0]?.[0] ?? 0
  const unwrapped = ring.map(([lon, lat]): Point => {
    if (Math.abs(lon - before) > 180) turn += lon < before ? 360 : -360
    before = lon
    return [lon + turn, lat]
  })
  const longitudes = unwrapped.map(([lon]) => lon)
  const [west, east] = [Math.min(...longitudes), Math.max(...longitudes)]
  if (turn !== 0) return [reachPole(ring)]
  if (west >= -180 && east <= 180) return [ring]
  const shift = west < -180 ? 360 : -360
  return [unwrapped, unwrapped.map(([lon, lat]): Point => [lon + shift, lat])]
}

function reachPole(ring: readonly Point[]): readonly Point[] {
  return ring.flatMap((point, index): readonly Point[] => {
    const [beforeLon] = ring[index - 1] ?? point
    const [lon] = point
    return Math.abs(lon - beforeLon) > 180 ? [[beforeLon, -90], [lon, -90], point] : [point]
  })
}

/** In whole grains, each corner from the one before: that is shortest as text. */
function drawRing(ring: readonly Point[]): string {
  let [x, y] = ring[0] ?? [0, 0]
  let path = `M${x / grain} ${y / grain}l`
  for (const [nextX, nextY] of ring.slice(1, -1)) {
    if (nextX === x && nextY === y) continue
    const right = (nextX - x) / grain
    const down = (nextY - y) / grain
    path += `${path.endsWith('l') || right < 0 ? '' : ' '}${right}${down < 0 ? '' : ' '}${down}`
    x = nextX
    y = nextY
  }
  return `${path}z`
}

function areaOf(ring: readonly Point[]): number {
  const twice = ring.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = ring[(index + 1) % ring.length] ?? [0, 0]
    return sum + x * nextY - nextX * y
  }, 0)
  return Math.abs(twice) / 2
}
