// Wallets, in the order in which they came.

import { eq, sql } from 'drizzle-orm'
import { defineCursor, params, query, word, type App } from 'pgstrata-example-kit'
import type { WedefiDatabase } from '../database.ts'
import { walletColumns, type PortfolioWallet } from '../portfolio/portfolio.ts'
import { wallets } from '../schema.ts'
import type { ApiContext } from './context.ts'
import { listQuery, type ListQuery } from './schemas.ts'

interface FoundWallet extends PortfolioWallet {
  readonly createdAt: Date
}

const byCreation = defineCursor({ createdAt: 'time', id: 'text' })
/** With microseconds, which a Date does not have. */
const exactCreation = sql<string>`to_char(${wallets.createdAt} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

export function addWallets(app: App, { db, answer }: ApiContext): void {
  app.get<{ Querystring: ListQuery }>(
    '/wallets',
    { schema: { querystring: listQuery({}) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace: 'pages' }, async () => {
        const { limit, cursor } = request.query
        const after = byCreation.parse(cursor)
        const rows = await db
          .select({ ...walletColumns, createdAt: wallets.createdAt, exact: exactCreation })
          .from(wallets)
          .where(
            after === undefined
              ? undefined
              : sql`(${wallets.createdAt}, ${wallets.id}) > (${after.createdAt}::timestamptz, ${after.id})`,
          )
          .orderBy(wallets.createdAt, wallets.id)
          .limit(limit + 1)
        const page = rows.slice(0, limit)
        const last = rows.length > limit ? page.at(-1) : undefined
        return {
          wallets: page.map(({ id, address, label, chainId, createdAt }) => ({
            id,
            address,
            label,
            chainId,
            createdAt,
          })),
          next: last === undefined ? null : byCreation.format({ createdAt: last.exact, id: last.id }),
        }
      }),
  )
  app.get<{ Params: { readonly walletId: string } }>(
    '/wallets/:walletId',
    { schema: { params: params({ walletId: word }), querystring: query({}) } },
    async (request, reply) =>
      await answer({ request, reply }, { namespace: 'pages', what: 'wallet' }, () =>
        findWallet(db, request.params.walletId),
      ),
  )
}

export async function findWallet(db: WedefiDatabase, walletId: string): Promise<FoundWallet | undefined> {
  const [wallet] = await db
    .select({ ...walletColumns, createdAt: wallets.createdAt })
    .from(wallets)
    .where(eq(wallets.id, walletId))
  return wallet
}
