// Tokens, by their symbols: each with its newest price, and what that was a day ago.

import { sql } from 'drizzle-orm'
import { defineCursor, params, query, short, word, type App } from 'pgstrata-example-kit'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import type { QueryClass } from '../routing.ts'
import type { ApiContext } from './context.ts'

interface TokenRow {
  readonly id: string
  readonly symbol: string
  readonly name: string
  readonly decimals: number
  readonly chainId: number
  readonly address: string
  /** null: there is none of the last months. */
  readonly priceUsd: string | null
  readonly recordedAt: Date | null
  /** The last price that is a day old or older, of the day before that. */
  readonly dayAgoUsd: string | null
}

interface ListQuery {
  readonly prefix: string
  readonly cursor?: string
  readonly limit: number
}

const namespace = 'pages'
const route: QueryClass = 'user_dashboard'
const bySymbol = defineCursor({ symbol: 'text', id: 'text' })
const limit = { type: 'integer', minimum: 1, maximum: 100, default: 25 } as const
const prefix = { type: 'string', maxLength: 40, pattern: '^[^\\u0000]*$', default: '' } as const

export function addTokens(app: App, { strata, answer }: ApiContext): void {
  const reads: Queryable = { query: async (statement) => await strata.query(statement, { route }) }
  app.get<{ Querystring: ListQuery }>(
    '/tokens',
    { schema: { querystring: query({ prefix, cursor: short, limit }) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace }, async () => {
        const { prefix: begins, cursor, limit: most } = request.query
        const rows = await listTokens(reads, { begins, after: bySymbol.parse(cursor), limit: most + 1 })
        const page = rows.slice(0, most)
        const last = rows.length > most ? page.at(-1) : undefined
        return { tokens: page, next: last === undefined ? null : bySymbol.format(last) }
      }),
  )
  app.get<{ Params: { readonly tokenId: string } }>(
    '/tokens/:tokenId',
    { schema: { params: params({ tokenId: word }), querystring: query({}) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace, what: 'token' }, () => findToken(reads, request.params.tokenId)),
  )
}

interface Listed {
  /** A symbol or a name begins like that, in whatever case. */
  readonly begins: string
  readonly after: { readonly symbol: string; readonly id: string } | undefined
  readonly limit: number
}

async function listTokens(on: Queryable, { begins, after, limit: most }: Listed): Promise<readonly TokenRow[]> {
  const behind = after === undefined ? sql`true` : sql`(symbol, id) > (${after.symbol}, ${after.id})`
  return await ask<TokenRow>(
    on,
    sql`
      select page.*, price.*
      from (
        select id, symbol, name, decimals, "chainId", address
        from "Token"
        where (starts_with(lower(symbol), lower(${begins})) or starts_with(lower(name), lower(${begins})))
          and ${behind}
        order by symbol, id
        limit ${most}
      ) as page
      ${newestPrice(sql`page.id`)}
      order by page.symbol, page.id`,
  )
}

async function findToken(
  on: Queryable,
  tokenId: string,
): Promise<(TokenRow & { readonly holders: number }) | undefined> {
  const [row] = await ask<TokenRow & { readonly holders: number }>(
    on,
    sql`
      select token.id, token.symbol, token.name, token.decimals, token."chainId", token.address, price.*,
        (
          select count(*)::integer
          from "TokenBalance" as balance
          where balance."tokenId" = token.id
            and balance.quantity > 0
        ) as holders
      from "Token" as token
      ${newestPrice(sql`token.id`)}
      where token.id = ${tokenId}`,
  )
  return row
}

/** By the key of prices: two steps of an index for each token, in partitions of the last months alone. */
function newestPrice(tokenId: ReturnType<typeof sql>): ReturnType<typeof sql> {
  return sql`
    left join lateral (
      select "priceUsd", "recordedAt",
        (
          select before."priceUsd"
          from "PriceSnapshot" as before
          where before."tokenId" = newest."tokenId"
            and before."recordedAt" <= newest."recordedAt" - interval '1 day'
            and before."recordedAt" > newest."recordedAt" - interval '2 days'
          order by before."recordedAt" desc
          limit 1
        ) as "dayAgoUsd"
      from "PriceSnapshot" as newest
      where newest."tokenId" = ${tokenId}
        and newest."recordedAt" > now() - interval '60 days'
      order by newest."recordedAt" desc
      limit 1
    ) as price on true`
}
