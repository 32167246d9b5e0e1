// Portfolios: pages of all, batches of some, and one with its allocation. Open to everybody; what one wallet has is kept until it changes.

import { badInput, body, defineCursor, notFound, params, query, word, type App } from 'pgstrata-example-kit'
import { tokenTag, walletTag } from '../cache-manager.ts'
import { readAllocation } from '../portfolio/allocation.ts'
import type { PageKey } from '../portfolio/paged.ts'
import type { PagedPortfolios, PortfoliosAfter } from '../portfolio/service.ts'
import type { ApiContext } from './context.ts'
import { amount, listQuery, page, type ListQuery } from './schemas.ts'

interface OfWallet {
  readonly Params: { readonly walletId: string }
}

interface PageQuery extends ListQuery {
  readonly page?: number
  readonly minValue?: string
  readonly walletId?: string
}

const ofWallet = params({ walletId: word })
const byCreation = defineCursor({ createdAt: 'time', id: 'text' })
/** Of one batch over HTTP. */
const mostWallets = 200

export function addPortfolios(app: App, context: ApiContext): void {
  addPages(app, context)
  addBatches(app, context)
  addOne(app, context)
}

function addPages(app: App, { portfolios, answer }: ApiContext): void {
  app.get<{ Querystring: PageQuery }>(
    '/portfolios',
    { schema: { querystring: listQuery({ page, minValue: amount, walletId: word }) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace: 'pages' }, async () => {
        const { page: number, limit, cursor, minValue, walletId } = request.query
        const filters = { minValue, walletId }
        const after = byCreation.parse(cursor)
        if (after === undefined) return shown(await portfolios.getPagedPortfolioData(number ?? 1, limit, filters))
        if (number !== undefined) throw badInput({ where: 'query', expected: 'a page or a cursor, and not both' })
        return shown(await portfolios.getPortfolioDataAfter(after, limit, filters))
      }),
  )
}

function shown({ next, ...rest }: PagedPortfolios | PortfoliosAfter): object {
  return { ...rest, next: formatNext(next) }
}

function formatNext(next: PageKey | undefined): string | null {
  return next === undefined ? null : byCreation.format(next)
}

function addBatches(app: App, { portfolios }: ApiContext): void {
  const readBatch = async (ids: readonly string[]): Promise<object> => {
    const found = await portfolios.getBatchedPortfolioData([...new Set(ids)])
    return { portfolios: found }
  }
  app.get<{ Querystring: { readonly ids: string } }>(
    '/portfolios/batch',
    { schema: { querystring: query({ ids: { type: 'string', maxLength: 16_000 } }, { required: ['ids'] }) } },
    async (request) => {
      const ids = request.query.ids.split(',').filter((id) => id !== '')
      if (ids.length === 0 || ids.length > mostWallets || request.query.ids.includes('\0'))
        throw badInput({ where: 'query.ids', expected: `1 to ${mostWallets} ids, with commas between them` })
      return await readBatch(ids)
    },
  )
  app.post<{ Body: { readonly walletIds: readonly string[] } }>(
    '/portfolios/batch',
    { schema: { body: body({ walletIds: { type: 'array', items: word, minItems: 1, maxItems: mostWallets } }) } },
    async (request) => await readBatch(request.body.walletIds),
  )
}

function addOne(app: App, { strata, caches, answer }: ApiContext): void {
  app.get<OfWallet>(
    '/portfolios/:walletId',
    { schema: { params: ofWallet, querystring: query({}) } },
    async (request) => {
      // A session of this request: else what is kept would have to be newer than what the client read the last time.
      const [summary] = await strata.scope(strata.pool.sessionToken, () =>
        caches.getPortfolioSummary(request.params.walletId),
      )
      if (summary === undefined) throw notFound('wallet')
      return summary
    },
  )
  app.get<OfWallet>(
    '/portfolios/:walletId/allocation',
    { schema: { params: ofWallet, querystring: query({}) } },
    async (request, reply) => {
      const { walletId } = request.params
      const tags = [walletTag(walletId), tokenTag]
      return await answer({ request, reply }, { namespace: 'portfolio', what: 'wallet', tags }, () =>
        strata.pool.routed('portfolio_queries', () => readAllocation(strata, walletId)),
      )
    },
  )
}
