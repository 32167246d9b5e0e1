// What is faster has to be right: before anything is timed each of the six views is compared with what plays add up to, every row and every
// column, at one instant. The adding up is what fills the materialized views, so they are compared too.

import type pg from 'pg'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import { sixViews, type AskedView } from './six-views.ts'
import { rawTrending } from './trending.ts'

export async function checkSame(url: string, { signal, progress }: BenchContext): Promise<void> {
  await withClient(url, async (client) => {
    for (const view of sixViews) {
      signal.throwIfAborted()
      await client.query('begin')
      const begun = performance.now()
      await client.query(`refresh materialized view ${view.materialized}`)
      const tookS = (performance.now() - begun) / 1_000
      await requireNone(client, view.view, await differencesOf(client, view))
      await client.query('commit')
      progress(`${view.view} is what plays add up to, which took ${tookS.toFixed(1)} s`)
    }
    await requireNone(client, 'trending_score', trendingDifferences)
    await client.query('vacuum analyze')
  })
}

async function requireNone(client: pg.Client, what: string, differences: string): Promise<void> {
  const { rowCount } = await client.query(`select from (${differences}) as found limit 10`)
  if (rowCount !== 0) throw new Error(`${what}: expected what plays add up to, and got other rows`)
}

/** `trending_score` counts whole hours in ours, and is compared by itself; `last_refreshed` is the moment of asking, and both have one. */
async function differencesOf(client: pg.Client, { view, materialized }: AskedView): Promise<string> {
  const { rows } = await client.query<{ names: string }>(
    `select string_agg(quote_ident(attname), ', ') as names
    from pg_attribute
    where attrelid = $1::regclass
      and attnum > 0
      and attname <> 'trending_score'`,
    [view],
  )
  const names = rows[0]?.names
  if (names === undefined) throw new Error(`${view}: expected its columns, and found none`)
  return `
    with ours as materialized (select ${names} from ${view}), raw as (select ${names} from ${materialized})
    (select * from ours except all select * from raw)
    union all
    (select * from raw except all select * from ours)`
}

const trendingDifferences = `
  with ours as materialized (
    select song_id, trending_score
    from mv_song_analytics
  ),
  raw as materialized (${rawTrending})
  (table ours except all table raw)
  union all
  (table raw except all table ours)`
