// What a service saw of itself while it was loaded: the share of the pool's connections in use, looked at again and again; what waiting for one
// took; and how often the cache had what was asked for, by layer. It begins with an empty cache.

import type { SessionsStrata } from '../../../examples/sessions/src/strata.ts'

export type GaugeQuestion = 'begin' | 'read'

export interface Gauged {
  /** Percent. */
  readonly poolUsed: number
  readonly poolWaitP95Ms: number
  /** From 0 to 1; null: nothing was asked for. */
  readonly hitRate: number | null
  /** Of the layers that were asked for anything. */
  readonly hitRates: Readonly<Record<string, number>>
}

interface Counts {
  readonly hits: number
  readonly misses: number
}

const everyMs = 10
/** Of the original design. What the cache keeps for itself is not asked for by anybody. */
const layers = ['user', 'session', 'balance', 'reports']

export function createGauge({ pool, cache }: Pick<SessionsStrata, 'pool' | 'cache'>): {
  answer(question: GaugeQuestion): Promise<Gauged | null>
  close(): void
} {
  let used: number[] = []
  let before: ReadonlyMap<string, Counts> = new Map()
  const timer = setInterval(() => {
    const [node] = pool.stats()
    if (node !== undefined) used.push((100 * node.active) / node.max)
  }, everyMs)
  const count = (): ReadonlyMap<string, Counts> => {
    const { namespaces } = cache.stats()
    return new Map(
      layers.map((name) => {
        const counted = namespaces[name] ?? unused
        return [name, { hits: counted.localHits + counted.sharedHits, misses: counted.misses }]
      }),
    )
  }
  return {
    answer: async (question) => {
      if (question === 'begin') {
        await cache.clear()
        used = []
        before = count()
        return null
      }
      const since = [...count()].map(([name, { hits, misses }]) => {
        const { hits: hadHits, misses: hadMisses } = before.get(name) ?? { hits: 0, misses: 0 }
        return [name, { hits: hits - hadHits, misses: misses - hadMisses }] as const
      })
      const all = since.reduce((sum, [, one]) => ({ hits: sum.hits + one.hits, misses: sum.misses + one.misses }), none)
      const [node] = pool.stats()
      return {
        poolUsed: used.reduce((sum, one) => sum + one, 0) / Math.max(1, used.length),
        poolWaitP95Ms: node?.waits.p95Ms ?? 0,
        hitRate: rateOf(all),
        hitRates: Object.fromEntries(
          since.flatMap(([name, counts]) => {
            const rate = rateOf(counts)
            return rate === null ? [] : [[name, rate] as const]
          }),
        ),
      }
    },
    close: () => clearInterval(timer),
  }
}

const unused = { localHits: 0, sharedHits: 0, misses: 0 }
const none: Counts = { hits: 0, misses: 0 }

function rateOf({ hits, misses }: Counts): number | null {
  return hits + misses === 0 ? null : hits / (hits + misses)
}
