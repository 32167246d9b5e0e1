// Friends and requests, of whoever asks. What each action does in each state stands in friends/states.ts; here is how it is told.

import { sql } from 'kysely'
import {
  badInput,
  body,
  conflict,
  defineCursor,
  defineFields,
  forbidden,
  HttpError,
  notFound,
  params,
  type App,
} from 'pgstrata-example-kit'
import { friendIdsOf } from '../friends/friend-ids.ts'
import { listAcquaintances, listed, type Listed } from '../friends/list.ts'
import type { Action, Refusal, State } from '../friends/states.ts'
import { act, type Acted } from '../friends/store.ts'
import { requireUser, requireUserId, type ApiContext } from './context.ts'
import { listQuery, uuid, type ListQuery } from './schemas.ts'
import { pageOf } from './streams.ts'

const friendFields = defineFields('user_id', 'display_name', 'avatar_url', 'state', 'since')
const nodeFields = defineFields(
  'node_id',
  'user_id',
  'display_name',
  'stream_id',
  'status',
  'last_heartbeat',
  'lat',
  'lon',
)
const byUser = defineCursor({ user_id: 'text' })
const byNode = defineCursor({ node_id: 'text' })

interface OfUser {
  readonly Params: { readonly user_id: string }
}

const ofUser = params({ user_id: uuid })

export function addFriends(app: App, context: ApiContext): void {
  addLists(app, context)
  const doTo = async (action: Action, by: string, to: string): Promise<object> =>
    tell(await act(context.db, { action, by, to: to.toLowerCase() }), to)
  app.post<{ Body: { readonly user_id: string } }>(
    '/friends/requests',
    { schema: { body: body({ user_id: uuid }) } },
    async (request, reply) => {
      const { user_id } = await requireUser(context, request)
      const told = await doTo('request', user_id, request.body.user_id)
      return reply.code(201).send(told)
    },
  )
  for (const action of ['accept', 'decline', 'block'] as const) {
    app.post<OfUser>(`/friends/requests/:user_id/${action}`, { schema: { params: ofUser } }, async (request) => {
      const { user_id } = await requireUser(context, request)
      return await doTo(action, user_id, request.params.user_id)
    })
  }
  app.delete<OfUser>('/friends/:user_id', { schema: { params: ofUser } }, async (request) => {
    const { user_id } = await requireUser(context, request)
    return await doTo('remove', user_id, request.params.user_id)
  })
}

function addLists(app: App, context: ApiContext): void {
  app.get<{ Querystring: ListQuery & { readonly state: Listed } }>(
    '/friends',
    { schema: { querystring: listQuery({ state: { enum: listed, default: 'friends' } }) } },
    async (request) => {
      const { state, limit, cursor, fields } = request.query
      const pick = friendFields(fields)
      const after = requireUuid(byUser.parse(cursor)?.user_id)
      const of = await requireUserId(context, request)
      const found = await listAcquaintances(context.prepared, { of, state, after, limit: limit + 1 })
      if (found.length === 0) await requireUser(context, request)
      const { rows, next } = pageOf(found, limit, byUser)
      return { friends: rows.map(pick), next }
    },
  )
  app.get<{ Querystring: ListQuery }>(
    '/friends/nodes',
    { schema: { querystring: listQuery({ limit: { type: 'integer', minimum: 1, maximum: 500, default: 200 } }) } },
    async (request) => {
      const { limit, cursor, fields } = request.query
      const pick = nodeFields(fields)
      const after = byNode.parse(cursor)
      const user_id = await requireUserId(context, request)
      const found = await listFriendNodes(context, { user_id, after, limit })
      if (found.length === 0) await requireUser(context, request)
      const { rows, next } = pageOf(found, limit, byNode)
      return { nodes: rows.map(pick), next }
    },
  )
}

/** Those without a location too: a list shows them, a map cannot. */
async function listFriendNodes(
  { prepared: db }: ApiContext,
  {
    user_id,
    after,
    limit,
  }: { readonly user_id: string; readonly after: { readonly node_id: string } | undefined; readonly limit: number },
) {
  const asked = db
    .selectFrom('nodes as n')
    .innerJoin('users as u', 'u.user_id', 'n.user_id')
    .where('n.user_id', 'in', friendIdsOf(db, user_id))
    .select(['n.node_id', 'u.user_id', 'u.display_name', 'n.stream_id', 'n.status', 'n.last_heartbeat'])
    .select([
      sql<number | null>`n.location_lat::float8`.as('lat'),
      sql<number | null>`n.location_lon::float8`.as('lon'),
    ])
    .orderBy('n.node_id')
    .limit(limit + 1)
  return await (after === undefined ? asked : asked.where('n.node_id', '>', after.node_id)).execute()
}

function requireUuid(text: string | undefined): string | undefined {
  if (text === undefined || new RegExp(uuid.pattern).test(text)) return text
  throw badInput({ where: 'query.cursor', expected: 'the cursor of an answer, whole, or none' })
}

/** As it is shown: who declined still looks like a request that waits. */
const shown: Readonly<Record<State, string>> = {
  none: 'none',
  outgoing: 'outgoing',
  incoming: 'incoming',
  friends: 'friends',
  'declined-by-me': 'declined',
  'declined-by-them': 'outgoing',
  'blocked-by-me': 'blocked',
  'blocked-by-them': 'none',
  'blocked-by-both': 'blocked',
}

const refusals: Readonly<Record<Refusal | 'unknown-user' | 'oneself', HttpError>> = {
  'unknown-user': notFound('user'),
  oneself: badInput({ where: 'user_id', expected: 'somebody else than who asks' }),
  'no-request': notFound('request'),
  nothing: notFound('friend or request'),
  'not-yours': forbidden('A request is accepted or declined by whoever it was sent to'),
  'already-friends': conflict('You are friends already: DELETE ends that'),
  unwanted: forbidden('This user takes no request from you'),
  blocked: conflict('You have blocked this user: DELETE /friends/:user_id first'),
}

function tell(acted: Acted, userId: string): object {
  if ('refused' in acted) throw refusals[acted.refused]
  return { user_id: userId.toLowerCase(), state: shown[acted.state] }
}
