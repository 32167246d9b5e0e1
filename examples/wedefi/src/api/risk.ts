// Risk of tokens and portfolios, and how tokens move together: read by the route of analytics, kept for a minute.

import { eq } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { badInput, params, query, word, type App } from 'pgstrata-example-kit'
import { correlate } from '../risk/correlations.ts'
import { riskOfPortfolios, riskOfTokens, type RiskOf } from '../risk/risk.ts'
import { strongestCorrelations } from '../risk/stored-correlations.ts'
import { timeframeNames, type Timeframe } from '../risk/timeframes.ts'
import { tokens, wallets } from '../schema.ts'
import type { ApiContext } from './context.ts'

const namespace = 'risk'
const timeframe = { enum: timeframeNames, default: '30d' } as const
const mostTokens = 50
const mostPairs = 100

interface Asked {
  readonly timeframe: Timeframe
}

export function addRisk(app: App, context: ApiContext): void {
  const { strata, db, answer } = context
  const analytics: Queryable = {
    query: async (statement) => await strata.query(statement, { route: 'risk_analytics' }),
  }
  app.get<{ Params: { readonly tokenId: string }; Querystring: Asked }>(
    '/risk/tokens/:tokenId',
    { schema: { params: params({ tokenId: word }), querystring: query({ timeframe }) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace, what: 'token' }, async () => {
        const { tokenId: id } = request.params
        const [known, [risk]] = await Promise.all([
          db.select({ id: tokens.id }).from(tokens).where(eq(tokens.id, id)),
          riskOfTokens(analytics, [id], request.query),
        ])
        return known.length === 0 || risk === undefined ? undefined : shown('tokenId', risk)
      }),
  )
  app.get<{ Params: { readonly walletId: string }; Querystring: Asked }>(
    '/risk/portfolios/:walletId',
    { schema: { params: params({ walletId: word }), querystring: query({ timeframe }) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace, what: 'wallet' }, async () => {
        const { walletId: id } = request.params
        const [known, [risk]] = await Promise.all([
          db.select({ id: wallets.id }).from(wallets).where(eq(wallets.id, id)),
          riskOfPortfolios(analytics, [id], request.query),
        ])
        return known.length === 0 || risk === undefined ? undefined : shown('walletId', risk)
      }),
  )
  app.get<{ Querystring: Asked & { readonly tokens?: string } }>(
    '/risk/correlations',
    { schema: { querystring: query({ timeframe, tokens: { type: 'string', maxLength: 4_000 } }) } },
    async (request, reply) => {
      const ids = readTokens(request.query.tokens)
      return await answer({ request, reply }, { namespace }, async () => {
        const asked = request.query.timeframe
        const pairs =
          ids === undefined
            ? await strongestCorrelations(analytics, { timeframe: asked, limit: mostPairs })
            : await correlate(analytics, ids, { timeframe: asked })
        return { timeframe: asked, pairs }
      })
    },
  )
}

/** undefined: those that the job has computed. */
function readTokens(given: string | undefined): readonly string[] | undefined {
  if (given === undefined) return undefined
  const ids = [...new Set(given.split(',').map((id) => id.trim()))].filter((id) => id !== '')
  if (ids.length >= 2 && ids.length <= mostTokens && !given.includes('\0')) return ids
  throw badInput({ where: 'query.tokens', expected: `ids of 2 to ${mostTokens} tokens, with commas between them` })
}

function shown<Risk extends RiskOf>(key: 'tokenId' | 'walletId', { subject, ...rest }: Risk): object {
  return { [key]: subject, ...rest }
}
