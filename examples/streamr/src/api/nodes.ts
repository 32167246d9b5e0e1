// One node: how it is, what it earned, and the points of a sparkline. Whose it is and where it stands is told to its owner and to the
// owner's friends alone.

import { params, query, word } from 'pgstrata-example-kit'
import { sql } from 'kysely'
import type { App } from 'pgstrata-example-kit'
import { friendIdsOf } from '../friends/friend-ids.ts'
import { findUserId, type ApiContext, type Asking } from './context.ts'
import { readPaid } from './paid.ts'
import { readSeries } from './series.ts'
import { hours } from './schemas.ts'

interface OfNode {
  readonly Params: { readonly node_id: string }
  readonly Querystring: { readonly hours: number }
}

export function addNodes(app: App, context: ApiContext): void {
  app.get<OfNode>(
    '/nodes/:node_id',
    { schema: { params: params({ node_id: word }), querystring: query({ hours }) } },
    async (request, reply) => {
      const { node_id } = request.params
      const read = () => readNode(context, node_id, request.query.hours)
      const near = await findNear(context, request, node_id)
      if (near === undefined) return await context.answers.node({ request, reply }, node_id, read)
      return { ...(await read()), ...near }
    },
  )
}

/** What everybody may know. */
async function readNode({ prepared: db }: ApiContext, nodeId: string, of: number): Promise<object | undefined> {
  const [node, paid] = await Promise.all([
    db
      .selectFrom('nodes')
      .select(['node_id', 'stream_id', 'display_name', 'status', 'last_heartbeat', 'created_at'])
      .where('node_id', '=', nodeId)
      .executeTakeFirst(),
    readPaid(db, [nodeId]),
  ])
  if (node === undefined) return undefined
  const { node_id, stream_id } = node
  return { ...node, paid, series: await readSeries(db, { stream_id, node_id }, of) }
}

/** What its owner and the owner's friends know besides. */
async function findNear(context: ApiContext, request: Asking, nodeId: string) {
  const { prepared: db } = context
  const asking = await findUserId(context, request)
  if (asking === undefined) return undefined
  return await db
    .selectFrom('nodes')
    .select('user_id')
    .select([sql<number | null>`location_lat::float8`.as('lat'), sql<number | null>`location_lon::float8`.as('lon')])
    .where('node_id', '=', nodeId)
    .where((where) => where.or([where('user_id', '=', asking), where('user_id', 'in', friendIdsOf(db, asking))]))
    .executeTakeFirst()
}
