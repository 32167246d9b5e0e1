// What the two ways to reckon on the Earth have in common: the few expressions in which they differ.
//
// Both reckon on one sphere, of the mean radius that PostGIS takes for WGS 84, so they give the same distances: to less than a
// millimetre nearby, and to a metre at the other end of the world, where an arc follows from its chord least exactly. Against the
// ellipsoid a sphere is wrong by up to 0.6 %. `nodes` goes by the alias n; its rows without a location are nowhere.

import type { RawBuilder } from 'kysely'

export interface Place {
  readonly lat: number
  readonly lon: number
}

export interface GeoDialect {
  readonly kind: 'postgis' | 'earthdistance'
  /** From a node to a place, in metres along the sphere; null where the node has no location. */
  distanceM(place: Place): RawBuilder<number>
  /** Whether a node is so near; an index serves it. */
  isWithin(place: Place, radiusM: number): RawBuilder<boolean>
}

/** (2a + b) / 3 of WGS 84. */
export const earthRadiusM = 6_371_008.771_415_06

/** Nothing on the sphere is further away. */
export const farthestM: number = Math.PI * earthRadiusM
