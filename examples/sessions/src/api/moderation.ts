// The queue, over HTTP: moderators take reports, give them back and decide about them.

import { badInput, body, conflict, forbidden, notFound, query, type App, type HttpError } from 'pgstrata-example-kit'
import { createQuery } from '../db/query.ts'
import { queueState } from '../db/statements/moderation.ts'
import { decide, effects, restore, type Effect } from '../reports/decision.ts'
import {
  claim,
  claimNext,
  mostOnDesk,
  readDesk,
  readQueue,
  release,
  type Handled,
  type Refusal,
} from '../reports/queue.ts'
import { readStatistics } from '../reports/statistics.ts'
import { findUser } from '../users/store.ts'
import { addAnalysis } from './analysis.ts'
import type { ApiContext } from './context.ts'
import { listQuery, ofAddress, ofId, textOf, type ListQuery, type OfAddress, type OfId } from './shapes.ts'

interface DecisionBody {
  readonly status: 'dismissed' | 'upheld'
  readonly resolution: string
  readonly effect: Effect
}

const decisionBody = body(
  {
    status: { enum: ['dismissed', 'upheld'] },
    resolution: textOf({ most: 2_000 }),
    effect: { enum: effects, default: 'none' },
  },
  { required: ['status', 'resolution'] },
)

const refusals: Readonly<Record<Refusal, () => HttpError>> = {
  'no-report': () => notFound('report'),
  'own-report': () => forbidden('Nobody decides about what is said by the own wallet'),
  taken: () => conflict('Another moderator has taken this report'),
  'not-yours': () => conflict('Take this report first: it is not on your desk'),
  decided: () => conflict('This report has been decided about'),
  'desk-full': () => conflict(`At most ${mostOnDesk} reports at a time: decide about one, or give one back`),
}

function tell(handled: Handled): object {
  if ('refused' in handled) throw refusals[handled.refused]()
  return { report: handled.report }
}

export function addModeration(app: App, context: ApiContext): void {
  const { strata, auth } = context
  const ask = createQuery(strata)
  addLists(app, context)
  app.post('/moderation/reports/next/claim', async (request) => {
    const { address } = await auth.requireModerator(request)
    const handled = await claimNext(strata, address)
    return handled === undefined ? { report: null } : tell(handled)
  })
  app.post<OfId>('/moderation/reports/:id/claim', { schema: { params: ofId } }, async (request) => {
    const { address } = await auth.requireModerator(request)
    return tell(await claim(strata, request.params.id, address))
  })
  app.post<OfId>('/moderation/reports/:id/release', { schema: { params: ofId } }, async (request) => {
    const { address } = await auth.requireModerator(request)
    return tell(await release(ask, request.params.id, address))
  })
  app.post<OfId & { Body: DecisionBody }>(
    '/moderation/reports/:id/resolve',
    { schema: { params: ofId, body: decisionBody } },
    async (request) => {
      const { address } = await auth.requireModerator(request)
      const { status, effect } = request.body
      if (status === 'dismissed' && effect !== 'none')
        throw badInput({ where: 'body.effect', expected: 'none, where the report is dismissed' })
      return tell(await decide(strata, { ...request.body, reportId: request.params.id, moderator: address }))
    },
  )
  addRestore(app, context)
  addAnalysis(app, context)
}

function addRestore(app: App, { strata, auth }: ApiContext): void {
  const on = { query: createQuery(strata), cache: strata.cache }
  app.post<OfAddress>('/moderation/wallets/:address/restore', { schema: { params: ofAddress } }, async (request) => {
    await auth.requireModerator(request)
    const address = request.params.address.toLowerCase()
    const restored = await restore(on, address)
    if (restored !== undefined) return { user: restored }
    if ((await findUser(on.query, address)) === undefined) throw notFound('user')
    throw conflict('This wallet may take part already')
  })
}

function addLists(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<{ Querystring: ListQuery & { readonly status: 'open' | 'claimed' } }>(
    '/moderation/queue',
    { schema: { querystring: listQuery({ status: { enum: ['open', 'claimed'], default: 'open' } }) } },
    async (request) => {
      const { address: moderator } = await auth.requireModerator(request)
      const { status, limit, cursor } = request.query
      const { rows, next } = await readQueue(ask, { status, limit, cursor, moderator })
      return { reports: rows, next }
    },
  )
  app.get('/moderation/desk', async (request) => {
    const { address } = await auth.requireModerator(request)
    return { reports: await readDesk(ask, address) }
  })
  app.get<{ Querystring: { readonly days: number } }>(
    '/moderation/stats',
    { schema: { querystring: query({ days: { type: 'integer', minimum: 1, maximum: 365, default: 30 } }) } },
    async (request) => {
      const { address: own } = await auth.requireModerator(request)
      const { rows } = await ask<{ open: string; claimed: string; oldest: Date | null }>(queueState.text)
      const [{ open, claimed, oldest } = { open: 0, claimed: 0, oldest: null }] = rows
      const queue = { open: Number(open), claimed: Number(claimed), oldest }
      const { days, wallets } = await readStatistics(strata, request.query.days)
      return { queue, days, wallets: wallets.filter(({ address }) => address !== own) }
    },
  )
}
