// What moderators look at besides the queue: lists of all there is, the newest first, and everything that is known of one wallet or one session.
// Nobody is shown what others say of the own wallet.

import { forbidden, notFound, query, type App } from 'pgstrata-example-kit'
import { readPage, type Keys } from '../db/pages.ts'
import { createQuery, type Query } from '../db/query.ts'
import { blockersOf, blocksAgainst, blocksForReason } from '../db/statements/blocks.ts'
import { openNoncesOf } from '../db/statements/nonces.ts'
import {
  newestReports,
  reportsAbout,
  reportsForReason,
  reportsFrom,
  reportsResolvedLast,
} from '../db/statements/reports.ts'
import {
  newestSessions,
  sessionById,
  sessionsEndedBy,
  sessionsEndedLast,
  sessionsReportedLast,
} from '../db/statements/sessions.ts'
import { firstPage, type Statement } from '../db/statements/statement.ts'
import { eventsOfSession, eventsOfWallet } from '../db/statements/telemetry.ts'
import { newestUsers, usersKeptOut, usersSeenLast } from '../db/statements/users.ts'
import { reasons, type Reason } from '../reports/report.ts'
import { findUser } from '../users/store.ts'
import { addActivity } from './activity.ts'
import type { ApiContext } from './context.ts'
import { limitOf, listQuery, ofAddress, ofId, textOf, type ListQuery, type OfAddress, type OfId } from './shapes.ts'

/** 'asking': the statement takes who asks, too. */
type List = readonly [statement: Statement, time: string, takes?: 'asking']

const sessionLists: Readonly<Record<string, List>> = {
  newest: [newestSessions, 'created_at'],
  ended: [sessionsEndedLast, 'ended_at'],
  reported: [sessionsReportedLast, 'reported_at', 'asking'],
}

const reportLists: Readonly<Record<string, List>> = {
  newest: [newestReports, 'created_at', 'asking'],
  resolved: [reportsResolvedLast, 'resolved_at', 'asking'],
}

const lastMonth = (): Date => new Date(Date.now() - 30 * 86_400_000)
/** Of each list that is part of an answer. */
const mostOfEach = 50

export function addAnalysis(app: App, context: ApiContext): void {
  addList(app, context, { path: '/moderation/sessions', name: 'sessions', id: 'session_id', lists: sessionLists })
  addList(app, context, { path: '/moderation/reports', name: 'reports', id: 'report_id', lists: reportLists })
  addForReason(app, context)
  addUserLists(app, context)
  addOne(app, context)
  addActivity(app, context)
}

interface ListsOf {
  readonly path: string
  /** In the answer. */
  readonly name: string
  readonly id: string
  readonly lists: Readonly<Record<string, List>>
}

function addList(app: App, { strata, auth }: ApiContext, { path, name, id, lists }: ListsOf): void {
  const ask = createQuery(strata)
  app.get<{ Querystring: ListQuery & { readonly list: string } }>(
    path,
    { schema: { querystring: listQuery({ list: { enum: Object.keys(lists), default: 'newest' } }) } },
    async (request) => {
      const { address } = await auth.requireModerator(request)
      const { list, limit, cursor } = request.query
      const [statement, time, takes] = lists[list] as List
      const keys: Keys = { by: [time, id], descending: true }
      const values = takes === 'asking' ? [address] : []
      const { rows, next } = await readPage(ask, statement, { keys, cursor, limit, values })
      return { [name]: rows, next }
    },
  )
}

function addForReason(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  const reason = { enum: reasons }
  app.get<{ Params: { readonly reason: Reason }; Querystring: { readonly limit: number } }>(
    '/moderation/reasons/:reason',
    { schema: { params: { type: 'object', properties: { reason } }, querystring: query({ limit: limitOf(50) }) } },
    async (request) => {
      const { address } = await auth.requireModerator(request)
      const { limit } = request.query
      return { reports: await rowsOf(ask, reportsForReason, [request.params.reason, lastMonth(), limit, address]) }
    },
  )
  app.get<{ Querystring: { readonly reason: string; readonly limit: number } }>(
    '/moderation/blocks',
    { schema: { querystring: query({ reason: textOf({ most: 200 }), limit: limitOf(50) }, { required: ['reason'] }) } },
    async (request) => {
      const { address } = await auth.requireModerator(request)
      const { reason: said, limit } = request.query
      return { blocks: await rowsOf(ask, blocksForReason, [said, limit, address]) }
    },
  )
}

const userLists = ['newest', 'seen', 'suspended', 'banned'] as const

function addUserLists(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<{ Querystring: { readonly list: (typeof userLists)[number]; readonly limit: number } }>(
    '/moderation/users',
    { schema: { querystring: query({ list: { enum: userLists, default: 'newest' }, limit: limitOf(50) }) } },
    async (request) => {
      await auth.requireModerator(request)
      const { list, limit } = request.query
      if (list === 'suspended' || list === 'banned') return { users: await rowsOf(ask, usersKeptOut, [list, limit]) }
      const statement = list === 'newest' ? newestUsers : usersSeenLast
      return { users: await rowsOf(ask, statement, [firstPage.at, firstPage.address, limit]) }
    },
  )
}

function addOne(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<OfAddress>('/moderation/wallets/:address', { schema: { params: ofAddress } }, async (request) => {
    const asking = await auth.requireModerator(request)
    const address = request.params.address.toLowerCase()
    if (address === asking.address) throw forbidden('Nobody looks at what is known of the own wallet')
    const user = await findUser(ask, address)
    if (user === undefined) throw notFound('user')
    const since = lastMonth()
    const [about, from, [blocked], blockers, begun, ended, events] = await Promise.all([
      rowsOf(ask, reportsAbout, [address, mostOfEach]),
      rowsOf(ask, reportsFrom, [address, mostOfEach, asking.address]),
      rowsOf<{ blocks: string; last_at: Date | null }>(ask, blocksAgainst, [address, since]),
      rowsOf<{ blocker: string }>(ask, blockersOf, [address, mostOfEach]),
      rowsOf<{ created_at: Date }>(ask, openNoncesOf, [address, mostOfEach]),
      rowsOf(ask, sessionsEndedBy, [address, mostOfEach]),
      rowsOf(ask, eventsOfWallet, [address, since, mostOfEach]),
    ])
    const by = blockers.map(({ blocker }) => blocker)
    const blocks = { count: Number(blocked?.blocks ?? 0), last_at: blocked?.last_at ?? null, by }
    // What a nonce is stays between the service and the wallet.
    const sign_ins_begun = begun.map(({ created_at }) => created_at)
    return { user, reports_about: about, reports_from: from, blocks, sign_ins_begun, sessions_ended: ended, events }
  })
  app.get<OfId>('/moderation/sessions/:id', { schema: { params: ofId } }, async (request) => {
    await auth.requireModerator(request)
    const { id } = request.params
    const [session] = await rowsOf<{ created_at: Date }>(ask, sessionById, [id])
    if (session === undefined) throw notFound('session')
    return { session, events: await rowsOf(ask, eventsOfSession, [id, session.created_at, mostOfEach]) }
  })
}

async function rowsOf<Row extends object>(
  ask: Query,
  { text }: Statement,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  return (await ask<Row>(text, values)).rows
}
