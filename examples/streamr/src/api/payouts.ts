// Payouts: what would be paid, what was, and paying. Previews are open, by the way that takes one statement; the two that take many more
// are for operators, who are also those who pay.

import { badInput, defineCursor, defineFields, forbidden, params, query, word, type App } from 'pgstrata-example-kit'
import type { StreamPayout } from '../payouts/payout.ts'
import { ways, type Way } from '../payouts/service.ts'
import { compareText } from '../payouts/share.ts'
import { findUser, requireOperator, type ApiContext } from './context.ts'
import { listQuery, moment, serial, type ListQuery } from './schemas.ts'
import { pageOf } from './streams.ts'

const runFields = defineFields(
  'run_id',
  'as_of',
  'hours_back',
  'computed_by',
  'streams',
  'nodes',
  'total',
  'duration_ms',
)
const byRun = defineCursor({ run_id: 'integer' })
const byLine = defineCursor({ stream_id: 'text', node_id: 'text' })
const byNode = defineCursor({ node_id: 'text' })

const hoursBack = { type: 'integer', minimum: 1, maximum: 720, default: 1 } as const
const way = { enum: Object.keys(ways), default: 'rollup' } as const

interface PayoutQuery {
  readonly hours_back: number
  readonly as_of?: string
  readonly by: Way
}

export function addPayouts(app: App, context: ApiContext): void {
  addPreview(app, context)
  addRuns(app, context)
  app.post<{ Querystring: PayoutQuery }>(
    '/payouts',
    { schema: { querystring: query({ hours_back: hoursBack, as_of: moment, by: way }) } },
    async (request, reply) => {
      const { hours_back, as_of, by } = request.query
      await requireOperator(context, request)
      // As the job does: of the hour that ended last.
      const asOf = readMoment(as_of, 3_600_000)
      const run = await context.payouts.run({ hoursBack: hours_back, asOf, by })
      return reply.code(run.isNew ? 201 : 200).send({
        run_id: run.runId,
        is_new: run.isNew,
        as_of: run.asOf,
        hours_back: run.hoursBack,
        computed_by: run.computedBy,
        streams: run.streams,
        nodes: run.nodes,
        total: String(run.total),
        duration_ms: run.durationMs,
      })
    },
  )
}

type PreviewQuery = ListQuery & PayoutQuery & { readonly stream_id?: string }

function addPreview(app: App, context: ApiContext): void {
  app.get<{ Querystring: PreviewQuery }>(
    '/payouts',
    { schema: { querystring: listQuery({ hours_back: hoursBack, as_of: moment, by: way, stream_id: word }) } },
    async (request, reply) => {
      if (request.query.by === 'rollup')
        return await context.answers.preview({ request, reply }, () => preview(context, request.query))
      await requireOperatorFor(context, request)
      return await preview(context, request.query)
    },
  )
}

async function preview({ payouts: service }: ApiContext, asked: PreviewQuery): Promise<object> {
  const { hours_back, as_of, by, stream_id, limit, cursor } = asked
  // Of the same minute everybody gets the same answer, whose ETag holds as long.
  const asOf = readMoment(as_of, 60_000)
  const after = stream_id === undefined ? undefined : byNode.parse(cursor)
  const payouts = await service.calculatePayouts({ hoursBack: hours_back, asOf, by })
  const head = { as_of: asOf, hours_back, by }
  if (stream_id !== undefined)
    return { ...head, ...previewStream(payouts, { stream_id, limit, after: after?.node_id }) }
  return {
    ...head,
    total: String(payouts.reduce((sum, { paid }) => sum + paid, 0n)),
    streams: payouts.map(({ streamId, pool, paid, nodes }) => ({
      stream_id: streamId,
      pool: String(pool),
      paid: String(paid),
      nodes: nodes.length,
    })),
  }
}

/** One stream with a page of its nodes. */
function previewStream(
  payouts: readonly StreamPayout[],
  asked: { readonly stream_id: string; readonly limit: number; readonly after: string | undefined },
): object {
  const { stream_id, limit, after } = asked
  const stream = payouts.find(({ streamId }) => streamId === stream_id)
  const all = stream?.nodes ?? []
  const begin = after === undefined ? 0 : all.findIndex(({ nodeId }) => compareText(nodeId, after) > 0)
  const { rows, next } = pageOf(begin < 0 ? [] : all.slice(begin), limit, {
    format: ({ nodeId }) => byNode.format({ node_id: nodeId }),
  })
  return {
    stream_id,
    pool: String(stream?.pool ?? 0n),
    paid: String(stream?.paid ?? 0n),
    nodes: rows.map(({ nodeId, polls, ok, failed, weight, amount }) => ({
      node_id: nodeId,
      total_polls: polls,
      successful_polls: ok,
      failed_spot_checks: failed,
      weight: String(weight),
      amount: String(amount),
    })),
    next,
  }
}

async function requireOperatorFor(context: ApiContext, request: Parameters<typeof findUser>[1]): Promise<void> {
  const user = await findUser(context, request)
  if (user !== undefined && context.operators.has(user.wallet_address)) return
  throw forbidden('by: only operators may ask for another way than rollup, for the others take very many statements')
}

function addRuns(app: App, { prepared: db, answers }: ApiContext): void {
  const selectRuns = () =>
    db
      .selectFrom('payout_runs')
      .select(['run_id', 'as_of', 'hours_back', 'computed_by', 'streams', 'nodes', 'total', 'duration_ms'])
  app.get<{ Querystring: ListQuery }>(
    '/payouts/runs',
    { schema: { querystring: listQuery({}) } },
    async (request, reply) =>
      await answers.runs({ request, reply }, async () => {
        const { fields, limit, cursor } = request.query
        const pick = runFields(fields)
        const before = byRun.parse(cursor)
        const asked = selectRuns()
          .orderBy('run_id', 'desc')
          .limit(limit + 1)
        const found = await (before === undefined ? asked : asked.where('run_id', '<', before.run_id)).execute()
        const { rows, next } = pageOf(found, limit, byRun)
        return { runs: rows.map(pick), next }
      }),
  )
  app.get<{ Params: { readonly run_id: string }; Querystring: ListQuery & { readonly stream_id?: string } }>(
    '/payouts/:run_id',
    { schema: { params: params({ run_id: serial }), querystring: listQuery({ stream_id: word }) } },
    async (request, reply) => {
      const { run_id } = request.params
      const { fields, limit, cursor, stream_id } = request.query
      const pick = runFields(fields)
      const after = byLine.parse(cursor)
      let asked = db
        .selectFrom('payout_lines')
        .select(['stream_id', 'node_id', 'weight', 'amount'])
        .where('run_id', '=', run_id)
        .orderBy('stream_id')
        .orderBy('node_id')
        .limit(limit + 1)
      if (stream_id !== undefined) asked = asked.where('stream_id', '=', stream_id)
      if (after !== undefined)
        asked = asked.where((where) =>
          where(where.refTuple('stream_id', 'node_id'), '>', where.tuple(after.stream_id, after.node_id)),
        )
      return await answers.runs({ request, reply }, async () => {
        const [run, found] = await Promise.all([
          selectRuns().where('run_id', '=', run_id).executeTakeFirst(),
          asked.execute(),
        ])
        if (run === undefined) return undefined
        const { rows, next } = pageOf(found, limit, byLine)
        return { ...pick(run), lines: rows, next }
      })
    },
  )
}

const earliest = Date.UTC(2000, 0, 1)

/** Default: the last full `stepMs`. */
function readMoment(given: string | undefined, stepMs: number): Date {
  const nowMs = Date.now()
  if (given === undefined) return new Date(Math.floor(nowMs / stepMs) * stepMs)
  const at = new Date(given)
  if (at.getTime() >= earliest && at.getTime() <= nowMs) return at
  throw badInput({ where: 'query.as_of', expected: 'a time from 2000 up to now' })
}
