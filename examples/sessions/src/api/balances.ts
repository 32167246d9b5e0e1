// What wallets hold. Everybody may ask: it stands on the chains. Operators, who are the moderators' wallets, write what they read there.

import { badInput, body, query, type App } from 'pgstrata-example-kit'
import { readBalances, writeBalances } from '../balances/store.ts'
import { tokens, type TokenName } from '../balances/tokens.ts'
import { createQuery } from '../db/query.ts'
import type { ApiContext } from './context.ts'
import { address, ofAddress, timeOf, type OfAddress } from './shapes.ts'

const mostRows = 1_000
/** 38 digits, without a fraction: the smallest unit of a token. */
const amount = { type: 'string', pattern: '^(0|[1-9][0-9]{0,37})$' }
const row = body(
  { address, token: { enum: tokens }, amount, at: { type: 'string' } },
  { required: ['address', 'token', 'amount'] },
)
const batch = body({ balances: { type: 'array', minItems: 1, maxItems: mostRows, items: row } })

interface GivenRow {
  readonly address: string
  readonly token: TokenName
  readonly amount: string
  /** When it was read. Default: now. */
  readonly at?: string
}

export function addBalances(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<OfAddress>(
    '/balances/:address',
    { schema: { params: ofAddress, querystring: query({}) } },
    async ({ params }) => {
      const of = params.address.toLowerCase()
      return { address: of, balances: await readBalances(ask, of) }
    },
  )
  app.post<{ Body: { readonly balances: readonly GivenRow[] } }>(
    '/balances',
    { schema: { body: batch }, bodyLimit: 256 * 1024 },
    async (request) => {
      await auth.requireModerator(request)
      const now = new Date()
      const rows = request.body.balances.map((given, index) => ({
        ...given,
        address: given.address.toLowerCase(),
        at: given.at === undefined ? now : pastOf(given.at, { now, where: `body.balances.${index}.at` }),
      }))
      return await writeBalances(ask, rows)
    },
  )
}

const clocksDifferMs = 60_000

/** What lies ahead would keep everything that is read until then from being written. */
function pastOf(text: string, { now, where }: { readonly now: Date; readonly where: string }): Date {
  const time = timeOf(text, where)
  if (time.getTime() <= now.getTime() + clocksDifferMs) return time
  throw badInput({ where, expected: 'a time that has been' })
}
