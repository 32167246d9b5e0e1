// What is asked for most, kept near: the portfolio of a wallet for 5 minutes, the latest price of a token for one, the governance locks of a
// wallet for 30. In each process and, with REDIS_URL, in a Redis that all of them share. Lifetimes are those of the namespaces.
//
// Promises: in a session nothing older than what the session has written or seen is given, and where the feed of changes runs, what
// changes goes at once, whoever changed it and by which way. Without Redis, or while it is away, nothing fails and nothing stale is given;
// what is kept is then of this process alone.
// What must be true: the tag of a value is of one wallet or token, and `follow` makes tags of changed rows; so a balance that changes
// discards the portfolio of its wallet and no other.

import { tableTag, type Change, type Strata } from 'pgstrata'
import { KitError } from 'pgstrata-example-kit'
import type { DatabaseManager, GovernanceLock } from './database-manager.ts'
import type { PortfolioSummary } from './portfolio/portfolio.ts'

export const cacheKeys = {
  portfolio: (walletId: string): string => `portfolio:${walletId}`,
  price: (tokenId: string): string => `price:latest:${tokenId}`,
  governance: (walletId: string): string => `governance:${walletId}`,
} as const

/** How long each is kept, as the namespaces of `cache` in pgstrata.config.ts say. */
export const cacheSeconds = { portfolio: 300, price: 60, governance: 1_800 } as const

export const walletTag = (walletId: string): string => `wallet ${walletId}`
export const priceTag = (tokenId: string): string => `price of ${tokenId}`

const allNamespaces = ['portfolio', 'price', 'history'] as const
type Namespace = (typeof allNamespaces)[number]

interface Followed {
  /** Of a changed row: what tells what it is about. */
  readonly column: string
  readonly tag: (id: string) => string
  /** Of the cache, in which answers have that tag. */
  readonly namespaces: readonly Namespace[]
}

const ofWallet = { tag: walletTag, namespaces: ['portfolio'] } as const

/** Tables whose rows are about one wallet or token. Of the others the cache takes care by itself, by their names. */
const followed: Readonly<Record<string, Followed>> = {
  Wallet: { column: 'id', ...ofWallet },
  TokenBalance: { column: 'walletId', ...ofWallet },
  PriceSnapshot: { column: 'tokenId', tag: priceTag, namespaces: ['price', 'history'] },
}

/** Of so many that one batch changed they are not discarded one by one. */
const mostTags = 2_000

export const tokenTag: string = tableTag('public', 'Token')
const lockTag = tableTag('public', 'GovernanceLock')

type CachedReads = Pick<DatabaseManager, 'getPortfolioSummary' | 'getLatestPrice' | 'getGovernanceLocks'>

export interface CacheManagerOptions {
  readonly strata: Pick<Strata, 'cache' | 'cached' | 'changes'>
  readonly manager: CachedReads
}

export class CacheManager {
  readonly #strata: CacheManagerOptions['strata']
  readonly #manager: CachedReads

  constructor({ strata, manager }: CacheManagerOptions) {
    this.#strata = strata
    this.#manager = manager
  }

  async getPortfolioSummary(walletId: string): Promise<readonly PortfolioSummary[]> {
    return await this.#strata.cached(cacheKeys.portfolio(walletId), () => this.#manager.getPortfolioSummary(walletId), {
      namespace: 'portfolio',
      tags: [walletTag(walletId), tokenTag],
    })
  }

  /** In US dollars; undefined: there never was one. */
  async getLatestPrice(tokenId: string): Promise<string | undefined> {
    return await this.#strata.cached(cacheKeys.price(tokenId), () => this.#manager.getLatestPrice(tokenId), {
      namespace: 'price',
      tags: [priceTag(tokenId)],
    })
  }

  async getGovernanceLocks(walletId: string): Promise<readonly GovernanceLock[]> {
    return await this.#strata.cached(cacheKeys.governance(walletId), () => this.#manager.getGovernanceLocks(walletId), {
      namespace: 'governance',
      tags: [lockTag, tokenTag],
    })
  }

  /** For who has just written: others need not wait for the feed. */
  async forget(what: { readonly walletIds?: readonly string[]; readonly tokenIds?: readonly string[] }): Promise<void> {
    const { walletIds = [], tokenIds = [] } = what
    await this.#strata.cache.invalidate({ tags: [...walletIds.map(walletTag), ...tokenIds.map(priceTag)] })
  }

  /** Follows the feed of changes; where this process consumes it, it discards for all. Gives back how to leave. */
  follow(): () => void {
    return this.#strata.changes.subscribe({
      name: 'wedefi caches',
      onBatch: async ({ changes }) => await this.#discard(changes),
      // The library's own listener has cleared everything.
      onReset: async () => await Promise.resolve(),
    })
  }

  async #discard(changes: readonly Change[]): Promise<void> {
    const tags = new Set<string>()
    const cleared = new Set<Namespace>()
    for (const { schema, table, key, keyBefore } of changes) {
      const about = schema === 'public' ? followed[table] : undefined
      if (about === undefined) continue
      const ids = [key?.[about.column], keyBefore?.[about.column]].filter((id) => typeof id === 'string')
      for (const id of ids) tags.add(about.tag(id))
      if (ids.length === 0) for (const namespace of about.namespaces) cleared.add(namespace)
    }
    const { cache } = this.#strata
    const reached = await Promise.all([
      ...(tags.size === 0 || tags.size > mostTags ? [] : [cache.invalidate({ tags: [...tags] })]),
      ...[...(tags.size > mostTags ? allNamespaces : cleared)].map((namespace) => cache.clear(namespace)),
    ])
    // The feed brings the batch again.
    if (reached.includes('pending')) throw new KitError('Changes have not reached every copy of the cache')
  }
}
