// Distances by cube and earthdistance, which come with every PostgreSQL. A position is a point on the unit sphere in three
// dimensions: neither the date line nor a pole is anything special there. A chord between two of them becomes an arc by sec_to_gc.
//
// Not ll_to_earth: until PostgreSQL 18 it finds what it calls by the search path, so an index over it cannot be analysed by
// autovacuum, and cannot be made at all by 17. The index of migration 0006 holds this very expression.

import { sql, type RawBuilder } from 'kysely'
import { earthRadiusM, type GeoDialect, type Place } from './dialect.ts'

export const earthdistance: GeoDialect = {
  kind: 'earthdistance',
  distanceM: (place) =>
    sql<number>`sec_to_gc(cube_distance(${position}, ${pointOf(place)}) * earth()) / earth() * ${earthRadiusM}::float8`,
  // The box around the chord holds the whole cap; the distance then decides.
  isWithin: (place, radiusM) =>
    sql<boolean>`(${position} <@ cube_enlarge(${pointOf(place)}, ${chordOf(radiusM)}, 3) and ${earthdistance.distanceM(place)} <= ${radiusM}::float8)`,
}

const position: RawBuilder<unknown> = sql`cube(array[
  cos(radians(n.location_lat::float8)) * cos(radians(n.location_lon::float8)),
  cos(radians(n.location_lat::float8)) * sin(radians(n.location_lon::float8)),
  sin(radians(n.location_lat::float8))
])`

function pointOf({ lat, lon }: Place): RawBuilder<unknown> {
  return sql`cube(array[
  cos(radians(${lat}::float8)) * cos(radians(${lon}::float8)),
  cos(radians(${lat}::float8)) * sin(radians(${lon}::float8)),
  sin(radians(${lat}::float8))
])`
}

/** A little more, for the last digits. */
function chordOf(radiusM: number): RawBuilder<number> {
  return sql<number>`gc_to_sec(${radiusM}::float8 / ${earthRadiusM}::float8 * earth()) / earth() + 1e-9`
}
