// Sessions of whoever asks. What each action does in each state stands in sessions/states.ts; here is how it is told. Sessions of others are
// not there.

import { badInput, body, conflict, forbidden, HttpError, notFound, query, type App } from 'pgstrata-example-kit'
import { createQuery } from '../db/query.ts'
import { act, type Action, type ActRefusal } from '../sessions/acting.ts'
import { invite, mostInvitations, type InviteRefusal } from '../sessions/inviting.ts'
import { match } from '../sessions/matching.ts'
import { findCurrent, findSession, listSessions } from '../sessions/reading.ts'
import { transitions, type State } from '../sessions/states.ts'
import type { ApiContext } from './context.ts'
import { address, listQuery, ofId, type ListQuery, type OfId } from './shapes.ts'

const actions: readonly Action[] = ['accept', 'decline', 'cancel', 'end']

export function addSessions(app: App, context: ApiContext): void {
  const { strata, auth } = context
  const ask = createQuery(strata)
  addReads(app, context)
  app.post('/sessions/match', async (request) => {
    const wallet = await auth.requireWallet(request)
    const matched = await match({ tx: strata.tx, query: ask }, wallet.address)
    if ('refused' in matched) throw keptOut()
    return { session: matched.session }
  })
  app.post<{ Body: { readonly invite: string } }>(
    '/sessions',
    { schema: { body: body({ invite: address }) } },
    async (request, reply) => {
      const wallet = await auth.requireWallet(request)
      const invited = await invite(strata, { by: wallet.address, to: request.body.invite.toLowerCase() })
      if ('refused' in invited) throw inviteRefusals[invited.refused](invited.sessionId)
      return await reply.code(201).send({ session: invited.session })
    },
  )
  for (const action of actions) {
    app.post<OfId>(`/sessions/:id/${action}`, { schema: { params: ofId } }, async (request) => {
      const wallet = await auth.requireWallet(request)
      const acted = await act(strata, { sessionId: request.params.id, address: wallet.address, action })
      if ('refused' in acted) throw actRefusals[acted.refused]()
      return { session: acted.session }
    })
  }
}

function addReads(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<{ Querystring: ListQuery & { readonly status?: State } }>(
    '/sessions',
    { schema: { querystring: listQuery({ status: { enum: Object.keys(transitions) } }) } },
    async (request) => {
      const wallet = await auth.requireWallet(request)
      const { rows, next } = await listSessions(ask, { of: wallet.address, ...request.query })
      return { sessions: rows, next }
    },
  )
  app.get('/sessions/current', { schema: { querystring: query({}) } }, async (request) => {
    const wallet = await auth.requireWallet(request)
    return { session: (await findCurrent(ask, wallet.address)) ?? null }
  })
  app.get<OfId>('/sessions/:id', { schema: { params: ofId, querystring: query({}) } }, async (request) => {
    const wallet = await auth.requireWallet(request)
    const session = await findSession(ask, request.params.id, wallet.address)
    if (session === undefined) throw notFound('session')
    return { session }
  })
}

function keptOut(): HttpError {
  return forbidden('This wallet is kept out: it may not take part')
}

const actRefusals: Readonly<Record<ActRefusal, () => HttpError>> = {
  'no-session': () => notFound('session'),
  'not-yours': () =>
    forbidden('The other one of the two may do that: who was invited accepts and declines, who invites cancels'),
  'not-invited': () => conflict('Nobody is invited to this session any more'),
  'not-active': () => conflict('This session has not begun: it can be cancelled, or declined'),
  'not-open': () => conflict('This session has begun: it can be ended'),
  alone: () => conflict('Nobody else is in this session'),
  over: () => conflict('This session is over'),
  expired: () => conflict('This invitation was not answered in time'),
  'kept-out': keptOut,
  busy: () => conflict('You are in another session: end that first'),
  'they-are-busy': () => conflict('Who invited you is in another session'),
  'they-are-gone': () => conflict('Who invited you takes no part any more'),
}

const inviteRefusals: Readonly<Record<InviteRefusal, (sessionId?: string) => HttpError>> = {
  oneself: () => badInput({ where: 'body.invite', expected: 'somebody else than who asks' }),
  'kept-out': keptOut,
  nobody: () => notFound('user'),
  blocked: () => conflict('You have blocked this wallet: DELETE /blocks/:address first'),
  busy: (session_id) => conflict('You are in a session: end that first', { session_id }),
  invited: (session_id) => conflict('You have invited this wallet already', { session_id }),
  'invited-by-them': (session_id) => conflict('This wallet has invited you: accept that', { session_id }),
  'too-many': () => conflict(`At most ${mostInvitations} invitations at a time: cancel one, or wait`),
}
