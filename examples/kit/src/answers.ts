// Answers of GET routes that are the same for everybody, kept as they are sent: bytes and ETag, through pgstrata's cache.
//
// Promises: whoever wrote something reads it, and whoever comes with the id of a live event reads at least what that event told of;
// others get what was made for somebody, as old as the namespace lets it become. What has one of the tags goes at once where
// the feed of changes tells of it. "There is none" is kept as well, for as long as the namespace says.
// What must be true: an answer depends on the URL alone, and on nothing that tells who asks. What is read for it does not count as
// seen by the client's session, else nearly every second request of a browser would have to be newer than what is kept.

import { AsyncResource } from 'node:async_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { StrataError, type Strata, type Token } from 'pgstrata'
import type { App } from './app.ts'
import { matchesEtag, weakEtag } from './etag.ts'
import { notFound } from './http-error.ts'

export interface AnswersOptions {
  /** Of the tables whose changes discard what is kept: `tableTag('public', 'songs')`. Default: none, and an answer lives its time. */
  readonly tags?: readonly string[]
}

export interface AnswerChoice {
  /** Of the cache, with its lifetimes. */
  readonly namespace: string
  /** What there is none of, where `read` gives undefined: it is told as a 404. */
  readonly what?: string
  /** Beside those of all. */
  readonly tags?: readonly string[]
}

type Made = { readonly body: string; readonly etag: string } | undefined

export type SendAnswer = (
  exchange: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  choice: AnswerChoice,
  read: () => Promise<unknown>,
) => Promise<FastifyReply>

/**
 *     const send = createAnswers(strata, { tags: [tableTag('public', 'songs')] })
 *     app.get('/songs', async (request, reply) => await send({ request, reply }, { namespace: 'songs' }, readSongs))
 */
export function createAnswers(
  strata: Pick<Strata, 'cached' | 'scope' | 'pool'>,
  { tags = [] }: AnswersOptions = {},
): SendAnswer {
  return async ({ request, reply }, { namespace, what = 'answer', tags: more = [] }, read) => {
    const make = async (): Promise<Made> => {
      const value = await read()
      if (value === undefined) return undefined
      const body = JSON.stringify(value)
      return { body, etag: weakEtag(body) }
    }
    const options = { namespace, tags: more.length === 0 ? tags : [...tags, ...more] }
    kept.add(request)
    const made = await strata.scope(strata.pool.sessionToken, () => strata.cached(request.url, make, options))
    if (made === undefined) throw notFound(what)
    reply.header('etag', made.etag)
    if (matchesEtag(request.headers['if-none-match'], made.etag)) return reply.code(304).send()
    return reply.header('content-type', 'application/json; charset=utf-8').send(made.body)
  }
}

/** Requests that are answered by what is kept. */
const kept = new WeakSet<FastifyRequest>()

/**
 * A page that heard of a change fetches what it is about, and names the event (`x-event-id`): the answer is then no older than that,
 * whichever server or cache gives it. An id that no event carried is no id, and no error. Registered behind `fastifyCausal`.
 */
export function joinEvents(app: App, { live, pool, scope }: Pick<Strata, 'live' | 'pool' | 'scope'>): void {
  const joined = new WeakMap<FastifyRequest, () => void>()
  app.addHook('onRequest', (request, _, done) => {
    const id = request.headers['x-event-id']
    if (typeof id !== 'string' || (request.method !== 'GET' && request.method !== 'HEAD')) return done()
    const join = (token: Token): void => {
      const joinClient = AsyncResource.bind((seen: Token) => pool.joinSession(seen))
      // A session of this request: what is kept must not have the client's own see more because of it.
      scope(pool.sessionToken, (session) => {
        pool.joinSession(token)
        joined.set(request, () => void (session.token !== undefined && joinClient(session.token)))
        done()
      })
    }
    const pass = (error: unknown): void => done(isNoId(error) ? undefined : (error as Error))
    live.token(id).then(join).catch(pass)
  })
  app.addHook('onSend', (request, _, payload, done) => {
    if (!kept.has(request)) joined.get(request)?.()
    done(null, payload)
  })
}

function isNoId(error: unknown): boolean {
  return error instanceof StrataError && (error.code === 'FEED_CURSOR_INVALID' || error.code === 'TOKEN_FOREIGN')
}
