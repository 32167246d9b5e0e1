// Statements as text and values, in the shape of the original design: beside a statement stands whether its answer is kept, for how
// long, and under which key.
//
// Promises: what is kept is never older than what its client has written, and goes at once where the feed of changes tells of one of its
// tags. What a client reads out of a layer does not count as seen by it, else nearly every second read of a client would have to be
// newer than what is kept.

import { rowTag, tableTag, type CachedTextChoice, type QueryAnswer, type Strata } from 'pgstrata'

/**
 *     await query('select * from users where address = $1', [address], {
 *       cache: { enabled: true, ttl: 300, key: `user:${address}` },
 *     })
 *
 * A `ttl` is in seconds; without one that of its `namespace` counts.
 */
export type Query = <Row extends object = Record<string, unknown>>(
  text: string,
  values?: readonly unknown[],
  options?: CachedTextChoice,
) => Promise<QueryAnswer<Row>>

export function createQuery(strata: Pick<Strata, 'query' | 'scope' | 'pool'>): Query {
  return <Row extends object>(text: string, values: readonly unknown[] = [], options: CachedTextChoice = {}) => {
    const ask = (): Promise<QueryAnswer<Row>> => strata.query<Row>(text, values, options)
    const isKept = options.cache !== undefined && options.cache.enabled !== false
    return isKept ? strata.scope(strata.pool.sessionToken, ask) : ask()
  }
}

interface Layer {
  readonly cache: {
    readonly enabled: true
    readonly namespace: string
    readonly key: string
    readonly tags: readonly string[]
  }
}

/** What one key of a layer holds is the answer of one statement: two statements have two keys. */
function layer(namespace: string, key: string, tags: readonly string[]): Layer {
  return { cache: { enabled: true, namespace, key, tags } }
}

const schema = 'public'

/** The layers of the original design. How long each lasts stands in pgstrata.config.ts; changes of the rows in its tags end it before. */
export const layers = {
  /** 10 minutes. */
  user: (address: string): Layer => layer('user', `user:${address}`, [rowTag(schema, 'users', { address })]),
  /** 10 minutes: who asks, and whether the tokens of that wallet still count. */
  wallet: (address: string): Layer => layer('user', `wallet:${address}`, [rowTag(schema, 'users', { address })]),
  /** 10 minutes: whether one of the two has blocked the other. */
  pair: (one: string, other: string): Layer => {
    const [first = one, second = other] = [one, other].toSorted()
    return layer('user', `pair:${first}:${second}`, [
      rowTag(schema, 'blocks', { blocker: first, blocked: second }),
      rowTag(schema, 'blocks', { blocker: second, blocked: first }),
    ])
  },
  /** 1 hour. */
  session: (sessionId: string): Layer =>
    layer('session', `session:${sessionId}`, [rowTag(schema, 'sessions', { session_id: sessionId })]),
  /** 30 seconds. An answer hangs on one row of each token, also where there is none yet. */
  balance: (address: string, tokens: readonly string[]): Layer =>
    layer(
      'balance',
      `balance:${address}`,
      tokens.map((token) => rowTag(schema, 'balances', { address, token })),
    ),
  /** 5 minutes: statistics of all reports. */
  reports: (what: string): Layer => layer('reports', `reports:${what}`, [tableTag(schema, 'reports')]),
} as const

/** Ends what these have, in every process that shares the cache: for what nobody may have to wait for the feed to tell. */
export async function forget({ cache }: Pick<Strata, 'cache'>, ...kept: readonly Layer[]): Promise<void> {
  await cache.invalidate({ tags: [...new Set(kept.flatMap(({ cache: { tags } }) => tags))] })
}
