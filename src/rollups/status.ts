// What has become of the rollups: filled or being filled, how much is pending and since when, who keeps what was merged from
// being cleared, and what should be seen to. Nothing of it takes longer the more there is.

import { StrataError } from '../base/errors.ts'
import { type Db, onlyRow } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { lockOf, mergedOf } from './model/names.ts'
import type { Rollup } from './model/options.ts'
import { ownRelations } from './model/own-relations.ts'
import { findMisfit } from './declared/fits.ts'
import { isSameDeclaration } from './model/definition.ts'
import { readInstalled, type InstalledRollup } from './kept/queries.ts'
import { readMerging, type Merging } from './job/merging.ts'
import { readOldestSnapshot, type OldestSnapshot } from './job/snapshots.ts'
import { findingsOf, mostPending, type Finding, type RollupState } from './status-findings.ts'

export interface RollupStatus {
  readonly name: string
  readonly source: { readonly schema: string; readonly table: string }
  readonly state: RollupState
  /** Where the filling goes on. */
  readonly filledTo: string | null
  /** Rows of the merged table, as far as statistics tell; the size is that of all its tables but the deltas. */
  readonly rowsEstimate: number | null
  readonly sizeBytes: number | null
  /** Deltas that are still to be merged, counted up to 100,000 (in a table of over 64 MB by statistics), and what theirs take. */
  readonly pending: number | null
  readonly deltaBytes: number | null
  readonly mergedAt: Date | null
  readonly mergedRows: number | null
  readonly mergeMs: number | null
  /** What windows of its totals take for now; null without. */
  readonly windowsAt: Date | null
  /** How long what is pending may have waited, a minute too much at the most; null: nothing is pending. */
  readonly lagMs: number | null
  /** How often its merge has failed in a row, and since when. */
  readonly failures: number
  readonly failingSince: Date | null
  /** Who keeps vacuum from clearing what was merged; null: nobody, as far as one is told. */
  readonly oldestSnapshot: OldestSnapshot | null
  readonly findings: readonly Finding[]
}

/** To go through more than that takes seconds where it was merged and is not cleared. */
const mostScannedBytes = 64 * 1024 * 1024

export async function readRollupStatus(
  db: Db,
  rollups: readonly Rollup[],
  name?: string,
): Promise<readonly RollupStatus[]> {
  const installed = await readInstalled(db)
  const names = [...new Set([...rollups, ...installed].map((one) => one.name))].toSorted()
  if (name !== undefined && !names.includes(name)) {
    throw new StrataError('ROLLUP_UNKNOWN', { message: `There is no rollup "${name}"`, expected: names.join(', ') })
  }
  const merging = await readMerging(db)
  const oldest = await readOldestSnapshot(db)
  const all: RollupStatus[] = []
  for (const one of names.filter((known) => name === undefined || known === name)) {
    const declared = rollups.find((rollup) => rollup.name === one)
    const kept = installed.find((rollup) => rollup.name === one)
    all.push(
      kept === undefined
        ? notApplied(declared)
        : await readKept(db, declared, { kept, merging: merging?.get(one), oldest }),
    )
  }
  return all
}

function notApplied(declared: Rollup | undefined): RollupStatus {
  const { name = '', schema = '', table = '' } = declared ?? {}
  return {
    name,
    source: { schema, table },
    state: 'not applied',
    filledTo: null,
    rowsEstimate: null,
    sizeBytes: null,
    pending: null,
    deltaBytes: null,
    mergedAt: null,
    mergedRows: null,
    mergeMs: null,
    windowsAt: null,
    lagMs: null,
    failures: 0,
    failingSince: null,
    oldestSnapshot: null,
    findings: [{ what: 'it is declared and not made yet', todo: 'run `pgstrata apply`' }],
  }
}

interface Sizes {
  readonly rowsEstimate: number
  readonly sizeBytes: number
  readonly pending: number
  readonly deltaBytes: number
}

interface Known {
  readonly kept: InstalledRollup
  readonly merging: Merging | undefined
  readonly oldest: OldestSnapshot | null
}

async function readKept(db: Db, declared: Rollup | undefined, known: Known): Promise<RollupStatus> {
  const { kept, merging, oldest } = known
  const { name, schema, table, filledTo, mergedAt, mergedRows, mergeMs } = kept
  const tables = ownRelations(kept.declared).filter(({ kind }) => kind === 'table')
  const deltas = tables.flatMap(({ is, place }) => (is === 'delta' ? [place] : []))
  const others = tables.flatMap(({ is, place }) => (is === 'delta' ? [] : [place]))
  const pending = deltas.map(
    (delta) => sql`case
          when pg_relation_size(to_regclass(${delta})) > ${mostScannedBytes}
          then least(pg_stat_get_live_tuples(to_regclass(${delta})), ${mostPending})
          else (select count(*) from (select from ${sql.raw(delta)} limit ${mostPending}) as pending)
        end`,
  )
  const bytes = (names: readonly string[]): Sql => sql`(
        select coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)
        from unnest(${names}::text[]) as relation (name)
      )`
  const sizes = onlyRow(
    await db.query<Sizes>(sql`
      select greatest(c.reltuples, 0)::float8 as "rowsEstimate",
        ${bytes(others)}::float8 as "sizeBytes",
        greatest(${sql.join(pending, ', ')})::float8 as pending,
        ${bytes(deltas)}::float8 as "deltaBytes"
      from pg_class c
      where c.oid = to_regclass(${mergedOf(kept.declared)})`),
  )
  const state =
    declared === undefined
      ? kept.replaces === null
        ? 'not declared'
        : kept.state
      : isSameDeclaration(declared, kept.declared)
        ? kept.state
        : 'changed'
  const misfit = await findMisfit(db, kept.shape)
  const lagMs = sizes.pending === 0 ? null : (merging?.lagMs ?? null)
  return {
    name,
    source: { schema, table },
    state,
    filledTo,
    ...sizes,
    mergedAt,
    mergedRows,
    mergeMs,
    windowsAt: await readWindowsAt(db, kept),
    lagMs,
    failures: merging?.failures ?? 0,
    failingSince: merging?.failingSince ?? null,
    oldestSnapshot: oldest,
    findings: [
      ...findingsOf({ state, ...sizes, lagMs, merging, oldest }),
      ...(misfit === undefined ? [] : [{ what: misfit.why, todo: misfit.todo }]),
    ],
  }
}

async function readWindowsAt(db: Db, { shape }: InstalledRollup): Promise<Date | null> {
  if (shape.totals === undefined) return null
  const { rows } = await db.query<{ at: Date }>(sql.raw(`select windows_at as at from ${lockOf(shape.rollup)}`))
  return rows[0]?.at ?? null
}
