// Prices of tokens: the latest, kept until there is a newer one; a history over all tiers; and new ones, from operators.
//
// A history by hours, days, weeks or months comes from rollups, which keep what is packed or archived. By itself each price comes from the reader
// of tiers: the table, its packs and the archive, in order of time, so many at once.

import { badInput, body, defineCursor, notFound, params, query, word, type App } from 'pgstrata-example-kit'
import { eq } from 'drizzle-orm'
import { priceTag } from '../cache-manager.ts'
import type { WedefiDatabase } from '../database.ts'
import { grains, type Grain } from '../portfolio/candles.ts'
import { storePrices, type GivenPrice } from '../prices/intake.ts'
import { mostOfOneMs, readHistory, readRawHistory, type RawKey } from '../prices/history.ts'
import { tokens } from '../schema.ts'
import { requireOperator, type ApiContext } from './context.ts'
import { listQuery, moment, refuseNumbers, type ListQuery } from './schemas.ts'
import { readSpan, type AskedSpan, type TimeSpan } from './time-span.ts'

interface OfToken {
  readonly Params: { readonly tokenId: string }
}

interface HistoryQuery extends AskedSpan, ListQuery {
  readonly grain: Grain | 'raw'
}

const ofToken = params({ tokenId: word })
const byTime = defineCursor({ recordedAt: 'time', known: 'number' })
const usualDays = 7
/** One by one: what is archived comes by whole months. */
const mostRawDays = 31
const dayMs = 86_400_000
const mostPrices = 500

export function addPrices(app: App, context: ApiContext): void {
  const { strata, db, caches } = context
  app.get<OfToken>('/prices/:tokenId', { schema: { params: ofToken, querystring: query({}) } }, async (request) => {
    const { tokenId } = request.params
    // A session of this request, as of portfolios.
    const priceUsd = await strata.scope(strata.pool.sessionToken, () => caches.getLatestPrice(tokenId))
    if (priceUsd !== undefined) return { tokenId, priceUsd }
    throw notFound((await isToken(db, tokenId)) ? 'price' : 'token')
  })
  addHistory(app, context)
  addIntake(app, context)
}

async function isToken(db: WedefiDatabase, tokenId: string): Promise<boolean> {
  const found = await db.select({ id: tokens.id }).from(tokens).where(eq(tokens.id, tokenId))
  return found.length > 0
}

function addHistory(app: App, { strata, db, answer }: ApiContext): void {
  app.get<OfToken & { Querystring: HistoryQuery }>(
    '/prices/:tokenId/history',
    {
      schema: {
        params: ofToken,
        querystring: listQuery({ from: moment, to: moment, grain: { enum: [...grains, 'raw'], default: 'hour' } }),
      },
    },
    async (request, reply) => {
      const { tokenId } = request.params
      const { grain, limit, cursor } = request.query
      const span = readSpan(request.query, { usualDays })
      const after = readAfter(cursor)
      if (grain === 'raw') checkRaw(span)
      else if (after !== undefined)
        throw badInput({ where: 'query.cursor', expected: 'none but with grain=raw, for the others come whole' })
      const choice = { namespace: 'history', what: 'token', tags: [priceTag(tokenId)] }
      return await answer({ request, reply }, choice, async () => {
        if (grain !== 'raw')
          return { tokenId, grain, ...span, points: await readHistory(strata, { tokenId, grain, ...span }) }
        // Before anything is fetched from an archive for it.
        if (!(await isToken(db, tokenId))) return undefined
        const { prices, next } = await readRawHistory(strata, { tokenId, ...span, after, limit })
        return { tokenId, grain, ...span, prices, next: next === undefined ? null : byTime.format(next) }
      })
    },
  )
}

function readAfter(cursor: string | undefined): RawKey | undefined {
  const after = byTime.parse(cursor)
  if (after === undefined) return undefined
  const isFit = Number.isInteger(after.known) && after.known >= 1 && after.known <= mostOfOneMs
  if (isFit && !Number.isNaN(Date.parse(after.recordedAt))) return after
  throw badInput({ where: 'query.cursor', expected: 'the cursor of an answer, whole, or none' })
}

function checkRaw({ from, to }: TimeSpan): void {
  if (to.getTime() - from.getTime() <= mostRawDays * dayMs) return
  throw badInput({ where: 'query.from', expected: `at most ${mostRawDays} days before \`to\`, with grain=raw` })
}

function addIntake(app: App, context: ApiContext): void {
  const { db, strata, caches } = context
  const price = body(
    { tokenId: word, priceUsd: { type: 'string', pattern: '^\\d{1,18}(\\.\\d{1,12})?$' }, recordedAt: moment },
    { required: ['tokenId', 'priceUsd'] },
  )
  app.post<{ Body: { readonly prices: readonly GivenPrice[] } }>(
    '/prices',
    {
      onRequest: async (request) => {
        requireOperator(context, request)
        await Promise.resolve()
      },
      preValidation: async ({ body: given }) => await Promise.resolve(refuseNumbers(given)),
      schema: { body: body({ prices: { type: 'array', items: price, minItems: 1, maxItems: mostPrices } }) },
    },
    async (request, reply) => {
      const { prices } = request.body
      const stored = await strata.pool.routed('balance_sync', () => storePrices(db, prices))
      await caches.forget({ tokenIds: [...new Set(prices.map(({ tokenId }) => tokenId))] })
      return reply.code(201).send({ stored, known: prices.length - stored })
    },
  )
}
