// After one play in a hundred: all rollups merged, beside the six materialized views refreshed CONCURRENTLY, of the same change. New plays of
// the last day, as they come; merged alone, also plays of any time that change.

import type pg from 'pg'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { Samples } from '../../harness/part.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import type { MycelixStrata } from '../../../examples/mycelix/src/strata.ts'
import { mergeAll, withMycelix } from './database.ts'
import { sixViews } from './six-views.ts'

export interface RefreshSizes {
  readonly rounds: number
  /** Plays of one change. */
  readonly changed: number
}

interface Measuring extends RefreshSizes {
  readonly client: pg.Client
  readonly strata: MycelixStrata
}

/** Songs and listeners as they are played, by a seed. */
const newPlays = `
  insert into plays (song_id, artist_address, genre, strategy, listener_address, played_at, duration_s, amount)
  select song_id, artist_address, genre, strategy, listener_address, now() - random() * interval '1 day', duration_s, amount
  from plays
  where played_at >= now() - interval '60 days'
  order by random()
  limit $1`

const otherAmounts = `
  update plays
  set amount = amount + 0.001
  where play_id % 100 = $1`

export async function measureRefresh(
  url: string,
  sizes: RefreshSizes,
  { signal, progress }: BenchContext,
): Promise<Samples> {
  return await withClient(url, async (client) => {
    return await withMycelix(url, async (strata) => {
      const options = { rounds: sizes.rounds, signal, progress }
      const measuring: Measuring = { ...sizes, client, strata }
      await client.query('select setseed(0.5)')
      await mergeAll(strata)
      // One after the other: the views would have to take in what the other changed as well.
      const compared = await measureRounds([recentVariant(measuring)], options)
      const alone = await measureRounds([scatteredVariant(measuring)], options)
      return new Map([...compared, ...alone])
    })
  })
}

async function refreshAll(client: pg.Client): Promise<void> {
  for (const { materialized } of sixViews) await client.query(`refresh materialized view concurrently ${materialized}`)
}

function recentVariant({ client, strata, changed }: Measuring): Variant {
  let refreshesFirst = true
  return {
    name: 'of the last day',
    run: async () => {
      await client.query('vacuum')
      await client.query(newPlays, [changed])
      await client.query('checkpoint')
      const times = { merge_ms: 0, refresh_ms: 0 }
      const merge = async (): Promise<void> => void (times.merge_ms = await timeMs(() => mergeAll(strata)))
      const refresh = async (): Promise<void> => void (times.refresh_ms = await timeMs(() => refreshAll(client)))
      refreshesFirst = !refreshesFirst
      for (const work of refreshesFirst ? [refresh, merge] : [merge, refresh]) await work()
      await requireSamePlays(client)
      return times
    },
  }
}

function scatteredVariant({ client, strata }: Measuring): Variant {
  let round = 0
  return {
    name: 'of any time',
    run: async () => {
      await client.query('vacuum')
      await client.query(otherAmounts, [round++])
      await client.query('checkpoint')
      return { merge_scattered_ms: await timeMs(() => mergeAll(strata)) }
    },
  }
}

/** Both have taken in the change. */
async function requireSamePlays(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ same: boolean }>(`
    select (select sum(play_count) from materialized.song_analytics) = (select plays from platform_plays_totals) as same`)
  if (rows[0]?.same !== true) throw new Error('Expected rollups and materialized views to have taken in all plays')
}
