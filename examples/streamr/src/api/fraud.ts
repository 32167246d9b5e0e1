// What the rules have found and is not over, the newest first. Everybody may see of which node and by which rule; the evidence, which
// can hold addresses, is for operators. They also review a suspended node, which lets it come back.

import { defineCursor, defineFields, notFound, params, word, type App } from 'pgstrata-example-kit'
import { reviewNode } from '../prober/index.ts'
import { findUser, requireOperator, type ApiContext } from './context.ts'
import { listQuery, type ListQuery } from './schemas.ts'
import { pageOf } from './streams.ts'

const openFields = defineFields('finding_id', 'node_id', 'stream_id', 'rule', 'found_at')
const allFields = defineFields('finding_id', 'node_id', 'stream_id', 'rule', 'found_at', 'evidence')
const byId = defineCursor({ finding_id: 'integer' })

interface FraudQuery extends ListQuery {
  readonly stream_id?: string
  readonly node_id?: string
}

export function addFraud(app: App, context: ApiContext): void {
  app.get<{ Querystring: FraudQuery }>(
    '/fraud',
    { schema: { querystring: listQuery({ stream_id: word, node_id: word }) } },
    async (request) => {
      const { stream_id, node_id, limit, cursor, fields } = request.query
      const user = await findUser(context, request)
      const isOperator = user !== undefined && context.operators.has(user.wallet_address)
      const pick = isOperator ? allFields(fields) : openFields(fields)
      const before = byId.parse(cursor)
      let asked = context.db
        .selectFrom('fraud_findings')
        .select(['finding_id', 'node_id', 'stream_id', 'rule', 'found_at', 'evidence'])
        .where('resolved_at', 'is', null)
        .orderBy('finding_id', 'desc')
        .limit(limit + 1)
      if (stream_id !== undefined) asked = asked.where('stream_id', '=', stream_id)
      if (node_id !== undefined) asked = asked.where('node_id', '=', node_id)
      if (before !== undefined) asked = asked.where('finding_id', '<', before.finding_id)
      const { rows, next } = pageOf(await asked.execute(), limit, byId)
      return { findings: rows.map(pick), next }
    },
  )
  app.post<{ Params: { readonly node_id: string } }>(
    '/nodes/:node_id/review',
    { schema: { params: params({ node_id: word }) } },
    async (request) => {
      const { node_id } = request.params
      const { user_id } = await requireOperator(context, request)
      const reviewed = await reviewNode(context.db, { nodeId: node_id, by: user_id, at: new Date() })
      if (reviewed === undefined) throw notFound('node')
      return { node_id, ...reviewed }
    },
  )
}
