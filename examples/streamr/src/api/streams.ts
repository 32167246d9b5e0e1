// Streams, and what is read of one: its nodes, what was measured of them, what it paid. Open to everybody, and so kept as they are sent
// (answers.ts says for how long); where its broadcaster sends the stream to (`rtmp_url`) is told to nobody.

import { sql, type Kysely } from 'kysely'
import { defineCursor, defineFields, notFound, params, query, word, type App } from 'pgstrata-example-kit'
import type { Database, NodeStatus, StreamStatus } from '../database.ts'
import type { ApiContext } from './context.ts'
import { readSeries } from './series.ts'
import { hours, listQuery, type ListQuery } from './schemas.ts'

const streamStatuses = ['PENDING', 'ACTIVE', 'PAUSED', 'ENDED'] as const
const nodeStatuses = ['PENDING', 'ACTIVE', 'STALE', 'OFFLINE', 'SUSPENDED'] as const

const streamFields = defineFields('stream_id', 'status', 'viewers', 'reward_per_hour', 'token_balance', 'nodes')
const nodeFields = defineFields('node_id', 'display_name', 'status', 'last_heartbeat')
const byViewers = defineCursor({ viewers: 'integer', stream_id: 'text' })
const byNodes = defineCursor({ nodes: 'integer', stream_id: 'text' })
const byId = defineCursor({ stream_id: 'text' })
const byNode = defineCursor({ node_id: 'text' })

interface StreamsQuery extends ListQuery {
  readonly status?: StreamStatus
  readonly sort: 'viewers' | 'nodes' | 'stream_id'
}

interface OfStream {
  readonly Params: { readonly stream_id: string }
}

const ofStream = params({ stream_id: word })

export function addStreams(app: App, context: ApiContext): void {
  const { prepared: db, answers } = context
  app.get<{ Querystring: StreamsQuery }>(
    '/streams',
    {
      schema: {
        querystring: listQuery({
          status: { enum: streamStatuses },
          sort: { enum: ['viewers', 'nodes', 'stream_id'], default: 'viewers' },
        }),
      },
    },
    async (request, reply) =>
      await answers.streams({ request, reply }, 'list', async () => {
        const pick = streamFields(request.query.fields)
        const { rows, next } = await listStreams(db, request.query)
        return { streams: rows.map(pick), next }
      }),
  )
  addStream(app, context)
}

function addStream(app: App, context: ApiContext): void {
  const { prepared: db, answers } = context
  app.get<OfStream>(
    '/streams/:stream_id',
    { schema: { params: ofStream, querystring: query({}) } },
    async (request, reply) => {
      const { stream_id } = request.params
      return await answers.stream({ request, reply }, stream_id, () => readStream(context, stream_id))
    },
  )
  app.get<OfStream & { Querystring: ListQuery & { readonly status?: NodeStatus } }>(
    '/streams/:stream_id/nodes',
    { schema: { params: ofStream, querystring: listQuery({ status: { enum: nodeStatuses } }) } },
    async (request, reply) => {
      const { stream_id } = request.params
      return await answers.stream({ request, reply }, stream_id, async () => {
        const pick = nodeFields(request.query.fields)
        const { rows, next } = await listNodes(db, { ...request.query, stream_id })
        if (rows.length === 0 && (await findStream(db, stream_id)) === undefined) return undefined
        return { nodes: rows.map(pick), next }
      })
    },
  )
  app.get<OfStream & { Querystring: { readonly hours: number } }>(
    '/streams/:stream_id/earnings',
    { schema: { params: ofStream, querystring: query({ hours }) } },
    async (request, reply) => {
      const { stream_id } = request.params
      return await answers.stream({ request, reply }, stream_id, async () => {
        const [stream, series] = await Promise.all([
          findStream(db, stream_id),
          readSeries(db, { stream_id }, request.query.hours),
        ])
        return stream === undefined ? undefined : { stream_id, ...series }
      })
    },
  )
}

interface FoundStream {
  readonly stream_id: string
  readonly sponsor_address: string
}

export async function findStream(db: Kysely<Database>, streamId: string): Promise<FoundStream | undefined> {
  return await db
    .selectFrom('streams')
    .select(['stream_id', 'sponsor_address'])
    .where('stream_id', '=', streamId)
    .executeTakeFirst()
}

export async function requireStream(db: Kysely<Database>, streamId: string): Promise<FoundStream> {
  const stream = await findStream(db, streamId)
  if (stream === undefined) throw notFound('stream')
  return stream
}

function selectStreams(db: Kysely<Database>) {
  return db
    .selectFrom('streams as s')
    .select(['s.stream_id', 's.status', 's.viewers', 's.reward_per_hour', 's.token_balance'])
    .select((where) =>
      where
        .selectFrom('nodes as n')
        .whereRef('n.stream_id', '=', 's.stream_id')
        .select(sql<number>`count(*)::int`.as('nodes'))
        .as('nodes'),
    )
}

async function listStreams(db: Kysely<Database>, asked: StreamsQuery) {
  return asked.sort === 'nodes' ? await listByNodes(db, asked) : await listByColumn(db, asked)
}

/** Nodes are counted first, all of them at once: that is less than asking for those of each stream. */
async function listByNodes(db: Kysely<Database>, { status, cursor, limit }: StreamsQuery) {
  const after = byNodes.parse(cursor)
  const counted = db
    .selectFrom('nodes')
    .select(['stream_id', sql<number>`count(*)::int`.as('nodes')])
    .groupBy('stream_id')
  let asked = db
    .selectFrom('streams as s')
    .leftJoin(counted.as('n'), 'n.stream_id', 's.stream_id')
    .select(['s.stream_id', 's.status', 's.viewers', 's.reward_per_hour', 's.token_balance'])
    .select(sql<number>`coalesce(n.nodes, 0)`.as('nodes'))
    .orderBy('nodes', 'desc')
    .orderBy('s.stream_id')
    .limit(limit + 1)
  if (status !== undefined) asked = asked.where('s.status', '=', status)
  if (after !== undefined)
    asked = asked.where(
      sql<boolean>`(
        coalesce(n.nodes, 0) < ${after.nodes}::bigint
        or coalesce(n.nodes, 0) = ${after.nodes}::bigint and s.stream_id > ${after.stream_id}
      )`,
    )
  return pageOf(await asked.execute(), limit, byNodes)
}

async function listByColumn(db: Kysely<Database>, { status, sort, cursor, limit }: StreamsQuery) {
  const isByViewers = sort === 'viewers'
  let asked = selectStreams(db).limit(limit + 1)
  if (status !== undefined) asked = asked.where('s.status', '=', status)
  if (isByViewers) {
    const after = byViewers.parse(cursor)
    asked = asked.orderBy('s.viewers', 'desc').orderBy('s.stream_id')
    // The first condition is the one that the index begins at.
    if (after !== undefined)
      asked = asked.where(
        sql<boolean>`s.viewers <= ${after.viewers}::bigint and (s.viewers < ${after.viewers}::bigint or s.stream_id > ${after.stream_id})`,
      )
  } else {
    const after = byId.parse(cursor)
    asked = asked.orderBy('s.stream_id')
    if (after !== undefined) asked = asked.where('s.stream_id', '>', after.stream_id)
  }
  return pageOf(await asked.execute(), limit, isByViewers ? byViewers : byId)
}

async function listNodes(
  db: Kysely<Database>,
  { stream_id, status, cursor, limit }: ListQuery & { readonly stream_id: string; readonly status?: NodeStatus },
) {
  const after = byNode.parse(cursor)
  let asked = db
    .selectFrom('nodes')
    .select(['node_id', 'display_name', 'status', 'last_heartbeat'])
    .where('stream_id', '=', stream_id)
    .orderBy('node_id')
    .limit(limit + 1)
  if (status !== undefined) asked = asked.where('status', '=', status)
  if (after !== undefined) asked = asked.where('node_id', '>', after.node_id)
  return pageOf(await asked.execute(), limit, byNode)
}

/** One more was asked for than is given: whether it is there says whether another page is. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  cursor: { format(last: NoInfer<Row>): string },
): { readonly rows: readonly Row[]; readonly next: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, next: rows.length > limit && last !== undefined ? cursor.format(last) : null }
}

async function readStream({ prepared: db, strata }: ApiContext, streamId: string): Promise<object | undefined> {
  const [stream, [measured], paid] = await Promise.all([
    selectStreams(db)
      .select(['s.sponsor_address', 's.excluded', 's.created_at'])
      .where('s.stream_id', '=', streamId)
      .executeTakeFirst(),
    strata.rollups.stream_earnings_hourly.where({ stream_id: streamId }).since('24 hours').rows(),
    db
      .selectFrom('stream_payouts_totals')
      .select(['amount', 'amount_1d', 'payouts'])
      .where('stream_id', '=', streamId)
      .executeTakeFirst(),
  ])
  if (stream === undefined) return undefined
  return {
    ...stream,
    last_24_hours: {
      total_polls: measured?.total_polls ?? '0',
      successful_polls: measured?.successful_polls ?? '0',
      failed_spot_checks: measured?.failed_spot_checks ?? '0',
    },
    paid: { amount: paid?.amount ?? '0', amount_1d: paid?.amount_1d ?? '0', payouts: paid?.payouts ?? '0' },
  }
}
