// What every route is given, and who asks. Who a caller is has one seam, `identify`: this app has no sign-in of its own, and the
// demonstration takes a header, or a cookie for what a browser cannot give headers (EventSource), at its word. Put your sessions
// there before anybody else can reach it.

import type { IncomingHttpHeaders } from 'node:http'
import type { Kysely } from 'kysely'
import { forbidden, unauthorized, type HttpError } from 'pgstrata-example-kit'
import type { Database } from '../database.ts'
import type { Geo } from '../geo/geo.ts'
import type { PayoutService } from '../payouts/service.ts'
import type { StreamrStrata } from '../strata.ts'
import type { Answers } from './answers.ts'

export interface Asking {
  readonly headers: IncomingHttpHeaders
}

/** The id of the user who asks; undefined: nobody has signed in. */
export type Identify = (request: Asking) => string | undefined | Promise<string | undefined>

export interface User {
  readonly user_id: string
  readonly wallet_address: string
  readonly display_name: string
}

export interface ApiContext {
  readonly strata: StreamrStrata
  readonly db: Kysely<Database>
  /** For reads by keys, which come all the time. */
  readonly prepared: Kysely<Database>
  /** What is the same for everybody. */
  readonly answers: Answers
  readonly payouts: PayoutService
  /** undefined: the database has neither PostGIS nor earthdistance. */
  readonly geo: Geo | undefined
  readonly identify: Identify
  /** Wallet addresses of those who moderate every stream, run payouts and see the evidence of fraud. */
  readonly operators: ReadonlySet<string>
}

/** In lower case, as PostgreSQL writes it. */
export const uuidForm = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** For the demonstration: `x-user-id`, or the cookie `streamr_user`, is whoever it says. */
export const identifyByWord: Identify = ({ headers }) => {
  const header = headers['x-user-id']
  if (typeof header === 'string') return header
  return /(?:^|;\s*)streamr_user=([^;\s]+)/.exec(headers.cookie ?? '')?.[1]
}

/** The id that a request names, which may be nobody's. */
export async function findUserId(
  { identify }: Pick<ApiContext, 'identify'>,
  request: Asking,
): Promise<string | undefined> {
  const id = (await identify(request))?.toLowerCase()
  return id !== undefined && uuidForm.test(id) ? id : undefined
}

/** For a statement that finds nothing of somebody unknown: only where it found nothing is it to be asked who that is. */
export async function requireUserId(context: Pick<ApiContext, 'identify'>, request: Asking): Promise<string> {
  const id = await findUserId(context, request)
  if (id === undefined) throw unknownUser()
  return id
}

export async function findUser(
  context: Pick<ApiContext, 'prepared' | 'identify'>,
  request: Asking,
): Promise<User | undefined> {
  const id = await findUserId(context, request)
  if (id === undefined) return undefined
  return await context.prepared
    .selectFrom('users')
    .select(['user_id', 'wallet_address', 'display_name'])
    .where('user_id', '=', id)
    .executeTakeFirst()
}

export async function requireUser(context: ApiContext, request: Asking): Promise<User> {
  const user = await findUser(context, request)
  if (user !== undefined) return user
  throw unknownUser()
}

function unknownUser(): HttpError {
  return unauthorized('This needs a user who is known: send the id of one as x-user-id')
}

export async function requireOperator(context: ApiContext, request: Asking): Promise<User> {
  const user = await requireUser(context, request)
  if (context.operators.has(user.wallet_address)) return user
  throw forbidden('This is for operators, who are told by their wallet address')
}
