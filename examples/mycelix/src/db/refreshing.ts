// Refreshing the materialized six, and merging rollups: by a Strata, or by SQL alone through any pool.
//
// Promises: the report says of each what became of it. A view that fails stops no other. By SQL alone all views are refreshed in one
// transaction, by a Strata each in its own. The six plain views need none of it: they are exact to the last commit.

import { sql, type MergedRollup } from 'pgstrata'
import { isStrata, type Ask, type Source, type StrataSource } from './ask.ts'
import type { RawRow } from './columns.ts'

export interface RefreshedView {
  /** In schema `materialized`. */
  readonly view: string
  /** `busy`: somebody else was at it. `skipped`: one that it reads failed. */
  readonly outcome: 'refreshed' | 'busy' | 'failed' | 'skipped'
  readonly tookMs: number
  readonly why: string | null
}

export interface RefreshReport {
  readonly views: readonly RefreshedView[]
  /** Rollups into which something was folded. */
  readonly merged: readonly string[]
  readonly tookMs: number
}

export interface RefreshOptions {
  /** Of these views alone. Default: all six. */
  readonly tag: string
  /** Whose names begin with one of these. Default: all that are declared. */
  readonly rollups?: readonly string[]
}

export async function refresh(source: Source, ask: Ask, options: RefreshOptions): Promise<RefreshReport> {
  const beganMs = performance.now()
  const done = isStrata(source) ? await refreshByStrata(source, options) : await refreshBySql(ask, options)
  return { ...done, tookMs: Math.round(performance.now() - beganMs) }
}

type Done = Omit<RefreshReport, 'tookMs'>

async function refreshByStrata({ views, rollup }: StrataSource, { tag, rollups }: RefreshOptions): Promise<Done> {
  const folded = rollups === undefined ? await rollup.merge() : await mergeSome(rollup, rollups)
  const merged = folded.flatMap(({ name, rows }) => (rows > 0 ? [name] : []))
  const done = await views.refresh({ tags: [tag] })
  return {
    views: done.map(({ name, outcome, tookMs, why }) => ({ view: name, outcome, tookMs: Math.round(tookMs), why })),
    merged,
  }
}

async function mergeSome(rollup: StrataSource['rollup'], names: readonly string[]): Promise<readonly MergedRollup[]> {
  const merged: MergedRollup[] = []
  for (const name of names) merged.push({ name, rows: await rollup.merge(name) })
  return merged
}

async function refreshBySql(ask: Ask, { tag, rollups }: RefreshOptions): Promise<Done> {
  const [clock] = await ask(sql`select clock_timestamp()::text as now`)
  const began = String(clock?.['now'])
  if (rollups === undefined) await ask(sql`call pgstrata.merge()`)
  else for (const name of rollups) await ask(sql.raw(`call pgstrata.merge('${name}')`))
  await ask(sql`select pgstrata.refresh_all_materialized_views(${tag})`)
  const merged = await ask(sql`
    select name
    from pgstrata.rollup
    where merged_at >= ${began}::timestamptz
      and merged_rows > 0
    order by name`)
  const views = await ask(sql`
    select name, last_error, extract(epoch from duration) * 1000 as "tookMs",
      last_refreshed >= ${began}::timestamptz as refreshed, failed_at >= ${began}::timestamptz as failed
    from pgstrata.view_freshness
    where ${tag} = any(tags)
    order by name`)
  return { views: views.map(viewOf), merged: merged.map(({ name }) => String(name)) }
}

function viewOf(row: RawRow): RefreshedView {
  const outcome = row['failed'] === true ? 'failed' : row['refreshed'] === true ? 'refreshed' : 'busy'
  return {
    view: String(row['name']),
    outcome,
    tookMs: outcome === 'refreshed' ? Math.round(Number(row['tookMs'])) : 0,
    why: outcome === 'failed' ? String(row['last_error']) : null,
  }
}
