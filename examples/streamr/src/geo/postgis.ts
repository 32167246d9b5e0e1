// Distances by PostGIS, on its sphere. The position is written as in the index of migration 0006: another expression would not
// be served by it.

import { sql, type RawBuilder } from 'kysely'
import type { GeoDialect, Place } from './dialect.ts'

export const postgis: GeoDialect = {
  kind: 'postgis',
  distanceM: (place) => sql<number>`st_distance(${position}, ${pointOf(place)}, false)`,
  isWithin: (place, radiusM) => sql<boolean>`st_dwithin(${position}, ${pointOf(place)}, ${radiusM}::float8, false)`,
}

const position: RawBuilder<unknown> = sql`st_makepoint(n.location_lon::float8, n.location_lat::float8)::geography`

function pointOf({ lat, lon }: Place): RawBuilder<unknown> {
  return sql`st_makepoint(${lon}::float8, ${lat}::float8)::geography`
}
