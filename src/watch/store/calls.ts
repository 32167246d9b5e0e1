// What all applications saw of their calls in the last minutes, as they stored it: together, and by shape the slowest.
// Durations are those of bins: off by 4.5 % at most. Bounded: ten minutes, 100 shapes.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { middleOfBinMs, type Bin } from '../calls/histogram.ts'

export interface CallsQuery {
  /** At most ten minutes. */
  readonly windowMs: number
  /** Shapes; default 20. */
  readonly limit?: number | undefined
}

interface CallTotals {
  readonly calls: number
  readonly errors: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

interface StoredShape extends CallTotals {
  readonly shape: string
  /** Work that applications named, statements, or all that has no row of its own; null: its text is not stored. */
  readonly kind: 'statement' | 'work' | 'other' | null
  readonly text: string | null
}

export interface StoredCalls {
  /** Of statements; work that was named is made of them. */
  readonly all: CallTotals
  readonly windowMs: number
  /** Those with the slowest calls first. */
  readonly shapes: readonly StoredShape[]
}

const longestMs = 600_000
const mostShapes = 100

interface Row extends Bin, Pick<StoredShape, 'kind' | 'text'> {
  /** Null: of all statements. */
  readonly shape: string | null
}

export async function readCalls({ windowMs: asked, limit = 20 }: CallsQuery, on: Queryable): Promise<StoredCalls> {
  const windowMs = Math.min(longestMs, asked)
  const { rows } = await on.query<Row>(sql`
    with bins as materialized (
      select c.shape, c.bin, sum(c.calls)::float8 as calls, sum(c.errors)::float8 as errors, sum(c.seconds)::float8 as seconds
      from pgstrata.watch_call c
      where c.at > now() - ${windowMs} * interval '1 ms'
      group by 1, 2
    ), named as (
      select b.*, s.kind, s.text, rank.place
      from bins b
      join (
        select shape, row_number() over (order by max(bin) desc, sum(seconds) desc, shape) as place
        from bins
        group by shape
      ) as rank using (shape)
      left join pgstrata.watch_shape s using (shape)
    )
    select shape, kind, text, place, bin::int4 as bin, calls, errors, seconds
    from named
    where place <= ${Math.min(mostShapes, limit)}
    union all
    select null, null, null, 0, bin::int4, sum(calls), sum(errors), sum(seconds)
    from named
    -- Work is made of statements. Its text may be gone already.
    where shape <> 'work'
      and not starts_with(shape, 'work:')
    group by bin
    order by 4, 5`)
  const byShape = new Map<string | null, Row[]>()
  for (const row of rows) byShape.set(row.shape, [...(byShape.get(row.shape) ?? []), row])
  return {
    all: totalsOf(byShape.get(null) ?? []),
    windowMs,
    shapes: [...byShape].flatMap(([shape, bins]): readonly StoredShape[] => {
      const [first] = bins
      if (shape === null || first === undefined) return []
      return [{ shape, kind: first.kind, text: first.text, ...totalsOf(bins) }]
    }),
  }
}

/** In the order of bins. */
function totalsOf(bins: readonly Bin[]): CallTotals {
  const sum = (of: 'calls' | 'errors' | 'seconds'): number => bins.reduce((total, bin) => total + bin[of], 0)
  const calls = sum('calls')
  const quantileMs = (share: number): number => {
    const rank = Math.max(1, Math.ceil(share * calls - 1e-9))
    let seen = 0
    for (const { bin, calls: more } of bins) {
      seen += more
      if (seen >= rank) return middleOfBinMs(bin)
    }
    return 0
  }
  return {
    calls,
    errors: sum('errors'),
    meanMs: calls === 0 ? 0 : (sum('seconds') * 1_000) / calls,
    p50Ms: quantileMs(0.5),
    p95Ms: quantileMs(0.95),
    p99Ms: quantileMs(0.99),
    maxMs: quantileMs(1),
  }
}
