// For the demonstration alone, where whoever asks is believed: people whom the page can be, and a cookie that says who it is, for
// EventSource sends no headers. These routes are not there when the service is given an `identify` of its own.

import { sql, type Kysely } from 'kysely'
import { body, notFound, query, type App } from 'pgstrata-example-kit'
import type { Database } from '../database.ts'
import { requireUser, type ApiContext } from './context.ts'
import { uuid } from './schemas.ts'

interface Person {
  readonly user_id: string
  readonly display_name: string
  readonly friends: number
  readonly nodes: number
  readonly friend_nodes: number
  readonly wallet_address: string
}

const mostPeople = 12

export function addDemo(app: App, context: ApiContext): void {
  app.get('/demo/people', { schema: { querystring: query({}) } }, async () => ({
    people: (await findPeople(context.db, mostPeople)).map(({ wallet_address, ...person }) => ({
      ...person,
      is_operator: context.operators.has(wallet_address),
    })),
  }))
  app.get('/demo/session', { schema: { querystring: query({}) } }, async (request) => {
    const { user_id, display_name, wallet_address } = await requireUser(context, request)
    return { user_id, display_name, wallet_address, is_operator: context.operators.has(wallet_address) }
  })
  app.post<{ Body: { readonly user_id: string } }>(
    '/demo/session',
    { schema: { body: body({ user_id: uuid }) } },
    async (request, reply) => {
      const user = await context.db
        .selectFrom('users')
        .select(['user_id', 'display_name'])
        .where('user_id', '=', request.body.user_id.toLowerCase())
        .executeTakeFirst()
      if (user === undefined) throw notFound('user')
      void reply.header('set-cookie', `streamr_user=${user.user_id}; Path=/; HttpOnly; SameSite=Strict`)
      return user
    },
  )
  app.delete('/demo/session', async (_, reply) => {
    void reply.header('set-cookie', 'streamr_user=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0')
    return { user_id: null }
  })
}

/** Those whose friends have the most nodes come first: there is something to see on their map. */
export async function findPeople(db: Kysely<Database>, limit: number): Promise<readonly Person[]> {
  const { rows } = await sql<Person>`
    with friendship as (
      select user_id, friend_id from friendships where status = 'ACCEPTED'
      union all
      select friend_id, user_id from friendships where status = 'ACCEPTED'
    ),
    owned as (
      select user_id, count(*)::int as nodes
      from nodes
      where user_id is not null
      group by user_id
    ),
    known as (
      select f.user_id, count(*)::int as friends, coalesce(sum(o.nodes), 0)::int as friend_nodes
      from friendship f
      left join owned o on o.user_id = f.friend_id
      group by f.user_id
    )
    select
      u.user_id,
      u.display_name,
      u.wallet_address,
      k.friends,
      k.friend_nodes,
      coalesce(o.nodes, 0) as nodes
    from known k
    join users u on u.user_id = k.user_id
    left join owned o on o.user_id = k.user_id
    order by k.friend_nodes desc, nodes desc, u.user_id
    limit ${limit}`.execute(db)
  return rows
}
