// Where the nodes of somebody's friends are: the nearest friends, and all of their nodes within a radius. One interface over
// PostGIS and over earthdistance; `openGeo` takes what migration 0006 installed.
//
// Only nodes of accepted friends are ever told of: a location is nobody else's business. Nodes without a location are left out.

import { sql, type Kysely, type SelectQueryBuilder } from 'kysely'
import type { Database } from '../database.ts'
import { friendIdsOf } from '../friends/friend-ids.ts'
import { farthestM, type GeoDialect, type Place } from './dialect.ts'
import { earthdistance } from './earthdistance.ts'
import { postgis } from './postgis.ts'

export interface LocatedNode {
  readonly user_id: string
  readonly display_name: string
  readonly node_id: string
  readonly stream_id: string
  readonly status: string
  readonly lat: number
  readonly lon: number
  readonly distance_m: number
}

export interface Geo {
  readonly kind: GeoDialect['kind']
  /** Each friend once, by the nearest of their nodes; the nearest friend first. */
  nearestFriends(options: {
    readonly of: string
    readonly place: Place
    readonly limit: number
  }): Promise<LocatedNode[]>
  /** Nodes of friends, the nearest first. */
  nodesWithin(asked: Within): Promise<LocatedNode[]>
}

/** undefined: neither PostGIS nor earthdistance is installed in this database. */
export async function openGeo(db: Kysely<Database>): Promise<Geo | undefined> {
  const { rows } = await sql<{ extname: string }>`
    select extname
    from pg_extension
    where extname in ('postgis', 'cube', 'earthdistance')`.execute(db)
  const installed = new Set(rows.map(({ extname }) => extname))
  if (installed.has('postgis')) return createGeo(db, postgis)
  return installed.has('cube') && installed.has('earthdistance') ? createGeo(db, earthdistance) : undefined
}

function createGeo(db: Kysely<Database>, dialect: GeoDialect): Geo {
  return {
    kind: dialect.kind,
    nearestFriends: async ({ of, place, limit }) => {
      const nearest = located(db, { dialect, of, place: held(place) })
        .distinctOn('n.user_id')
        .orderBy('n.user_id')
        .orderBy('distance_m')
        .orderBy('n.node_id')
      return await db
        .selectFrom(nearest.as('nearest'))
        .selectAll()
        .orderBy('distance_m')
        .orderBy('user_id')
        .limit(limit)
        .execute()
    },
    nodesWithin: async (asked) => await selectWithin(db, dialect.kind, asked).execute(),
  }
}

export interface Within {
  readonly of: string
  readonly place: Place
  readonly radiusM: number
  readonly limit: number
}

export function selectWithin(
  db: Kysely<Database>,
  kind: GeoDialect['kind'],
  { of, place: asked, radiusM, limit }: Within,
): SelectQueryBuilder<Database, never, LocatedNode> {
  const dialect = kind === 'postgis' ? postgis : earthdistance
  const place = held(asked)
  return located(db, { dialect, of, place })
    .where(dialect.isWithin(place, Math.min(radiusM, farthestM)))
    .orderBy('distance_m')
    .orderBy('n.node_id')
    .limit(limit)
}

/** To the digits that the columns have: of much smaller numbers the server's arithmetic would underflow, which is an error. */
function held({ lat, lon }: Place): Place {
  return { lat: Number(lat.toFixed(8)), lon: Number(lon.toFixed(8)) }
}

function located(
  db: Kysely<Database>,
  { dialect, of, place }: { readonly dialect: GeoDialect; readonly of: string; readonly place: Place },
) {
  return db
    .selectFrom('nodes as n')
    .innerJoin('users as u', 'u.user_id', 'n.user_id')
    .where('n.user_id', 'in', friendIdsOf(db, of))
    .where('n.location_lat', 'is not', null)
    .where('n.location_lon', 'is not', null)
    .select(['u.user_id', 'u.display_name', 'n.node_id', 'n.stream_id', 'n.status'])
    .select([
      sql<number>`n.location_lat::float8`.as('lat'),
      sql<number>`n.location_lon::float8`.as('lon'),
      // To ten centimetres: finer is noise, by which equal distances would be told apart.
      sql<number>`round((${dialect.distanceM(place)})::numeric, 1)::float8`.as('distance_m'),
    ])
}
