// One node: how it is, what it earned, and the points of a sparkline. Whose it is and where it stands is told to its owner and to the
// owner's friends alone.

import { sql } from 'kysely'
import { notFound, type App } from 'pgstrata-example-kit'
import { friendsAmong } from '../friends/friend-ids.ts'
import { findUser, type ApiContext } from './context.ts'
import { readPaid } from './paid.ts'
import { readSeries } from './series.ts'
import { hours, params, query, word } from './schemas.ts'

interface OfNode {
  readonly Params: { readonly node_id: string }
  readonly Querystring: { readonly hours: number }
}

export function addNodes(app: App, context: ApiContext): void {
  const { db } = context
  app.get<OfNode>(
    '/nodes/:node_id',
    { schema: { params: params({ node_id: word }), querystring: query({ hours }) } },
    async (request) => {
      const [node, user] = await Promise.all([findNode(context, request.params.node_id), findUser(context, request)])
      if (node === undefined) throw notFound('node')
      const { user_id, lat, lon, ...told } = node
      const { node_id, stream_id } = node
      const [isNear, paid, series] = await Promise.all([
        isOfCircle(context, { owner: user_id, asking: user?.user_id }),
        readPaid(db, [node_id]),
        readSeries(db, { stream_id, node_id }, request.query.hours),
      ])
      return {
        ...told,
        ...(isNear ? { user_id, lat, lon } : {}),
        paid,
        series,
      }
    },
  )
}

async function findNode({ db }: ApiContext, nodeId: string) {
  return await db
    .selectFrom('nodes')
    .select(['node_id', 'stream_id', 'display_name', 'status', 'last_heartbeat', 'created_at', 'user_id'])
    .select([sql<number | null>`location_lat::float8`.as('lat'), sql<number | null>`location_lon::float8`.as('lon')])
    .where('node_id', '=', nodeId)
    .executeTakeFirst()
}

async function isOfCircle(
  { db }: ApiContext,
  { owner, asking }: { readonly owner: string | null; readonly asking: string | undefined },
): Promise<boolean> {
  if (owner === null || asking === undefined) return false
  return owner === asking || (await friendsAmong(db, { userId: asking, others: [owner] })).has(owner)
}
