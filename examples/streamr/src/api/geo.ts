// Friends on the map: the nearest, and all of their nodes around a place. Where the database can reckon no distances, 501 says so.

import { defineFields, HttpError, query, type App } from 'pgstrata-example-kit'
import { farthestM } from '../geo/dialect.ts'
import type { Geo } from '../geo/geo.ts'
import { requireUser, requireUserId, type ApiContext } from './context.ts'
import { limit } from './schemas.ts'

const fields = defineFields('user_id', 'display_name', 'node_id', 'stream_id', 'status', 'lat', 'lon', 'distance_m')
const lat = { type: 'number', minimum: -90, maximum: 90 } as const
const lon = { type: 'number', minimum: -180, maximum: 180 } as const
const km = { type: 'number', exclusiveMinimum: 0, maximum: Math.ceil(farthestM / 1_000) } as const
const chosen = { type: 'string', maxLength: 600 } as const

interface Around {
  readonly lat: number
  readonly lon: number
  readonly limit: number
  readonly fields?: string
}

export function addGeo(app: App, context: ApiContext): void {
  app.get<{ Querystring: Around }>(
    '/geo/nearest',
    { schema: { querystring: query({ lat, lon, limit, fields: chosen }, { required: ['lat', 'lon'] }) } },
    async (request) => {
      const pick = fields(request.query.fields)
      const of = await requireUserId(context, request)
      const friends = await requireGeo(context).nearestFriends({
        of,
        place: request.query,
        limit: request.query.limit,
      })
      if (friends.length === 0) await requireUser(context, request)
      return { friends: friends.map(pick) }
    },
  )
  app.get<{ Querystring: Around & { readonly km: number } }>(
    '/geo/within',
    { schema: { querystring: query({ lat, lon, km, limit, fields: chosen }, { required: ['lat', 'lon', 'km'] }) } },
    async (request) => {
      const pick = fields(request.query.fields)
      const of = await requireUserId(context, request)
      const nodes = await requireGeo(context).nodesWithin({
        of,
        place: request.query,
        radiusM: request.query.km * 1_000,
        limit: request.query.limit,
      })
      if (nodes.length === 0) await requireUser(context, request)
      return { nodes: nodes.map(pick) }
    },
  )
}

function requireGeo({ geo }: ApiContext): Geo {
  if (geo !== undefined) return geo
  throw new HttpError({
    status: 501,
    code: 'NO_GEO',
    message: 'This database has neither PostGIS nor earthdistance: install one of them and start the service again',
  })
}
