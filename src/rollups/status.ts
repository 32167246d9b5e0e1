// What has become of the rollups: filled or being filled, how much is pending, how long ago it was merged, and what should be
// seen to.

import { StrataError } from '../base/errors.ts'
import type { Db } from '../db/db.ts'
import { onlyRow } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { deltaOf, lockOf, membersDeltaOf, membersOf, mergedOf, totalsOf } from './names.ts'
import type { Rollup } from './options.ts'
import { isSameDeclaration } from './definition.ts'
import { readInstalled, type InstalledRollup } from './queries.ts'
import { valuesMeasures } from './values.ts'

export interface RollupStatus {
  readonly name: string
  readonly source: { readonly schema: string; readonly table: string }
  readonly state: 'not applied' | 'filling' | 'refilling' | 'live' | 'changed' | 'not declared'
  /** Where the filling goes on. */
  readonly filledTo: string | null
  /** Rows of the merged table, as far as statistics tell; the size is that of all its tables but the deltas. */
  readonly rowsEstimate: number | null
  readonly sizeBytes: number | null
  /** Deltas that are still to be merged, counted up to 100,000, and what their table takes. */
  readonly pending: number | null
  readonly deltaBytes: number | null
  readonly mergedAt: Date | null
  readonly mergedRows: number | null
  readonly mergeMs: number | null
  /** What windows of its totals take for now; null without. */
  readonly windowsAt: Date | null
  readonly findings: readonly { readonly what: string; readonly todo: string }[]
}

const mostPending = 100_000
const largeDeltaBytes = 64 * 1024 * 1024

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
  const all: RollupStatus[] = []
  for (const one of names.filter((known) => name === undefined || known === name)) {
    const declared = rollups.find((rollup) => rollup.name === one)
    const kept = installed.find((rollup) => rollup.name === one)
    all.push(kept === undefined ? notApplied(declared) : await readKept(db, declared, kept))
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
    findings: [{ what: 'it is declared and not made yet', todo: 'run `pgstrata apply`' }],
  }
}

interface Sizes {
  readonly rowsEstimate: number
  readonly sizeBytes: number
  readonly pending: number
  readonly deltaBytes: number
}

async function readKept(db: Db, declared: Rollup | undefined, kept: InstalledRollup): Promise<RollupStatus> {
  const { name, schema, table, filledTo, mergedAt, mergedRows, mergeMs } = kept
  const values = valuesMeasures(kept.declared)
  const deltas = [deltaOf(kept.declared), ...values.map((measure) => membersDeltaOf(kept.declared, measure))]
  const others = [totalsOf(kept.declared), ...values.map((measure) => membersOf(kept.declared, measure))]
  const pending = deltas.map(
    (delta) => sql`(select count(*) from (select from ${sql.raw(delta)} limit ${mostPending}) as pending)`,
  )
  const bytes = (names: readonly string[]): Sql => sql`(
        select coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)
        from unnest(${names}::text[]) as relation (name)
      )`
  const sizes = onlyRow(
    await db.query<Sizes>(sql`
      select greatest(c.reltuples, 0)::float8 as "rowsEstimate",
        (pg_total_relation_size(c.oid) + ${bytes(others)})::float8 as "sizeBytes",
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
    findings: findingsOf(state, sizes),
  }
}

async function readWindowsAt(db: Db, { shape }: InstalledRollup): Promise<Date | null> {
  if (shape.totals === undefined) return null
  const { rows } = await db.query<{ at: Date }>(sql.raw(`select windows_at as at from ${lockOf(shape.rollup)}`))
  return rows[0]?.at ?? null
}

function findingsOf(state: RollupStatus['state'], { pending, deltaBytes }: Sizes): RollupStatus['findings'] {
  return [
    ...(state === 'changed'
      ? [
          {
            what: 'it is declared in another way than it is kept',
            todo: 'run `pgstrata plan`: it says what becomes of it',
          },
        ]
      : []),
    ...(state === 'not declared'
      ? [{ what: 'it is declared no more', todo: 'run `pgstrata apply`, which drops it' }]
      : []),
    ...(pending >= mostPending
      ? [
          {
            what: `${mostPending.toLocaleString('en-US')} changes or more are pending`,
            todo: 'see that `pgstrata serve` runs, or call pgstrata.merge() by pg_cron',
          },
        ]
      : []),
    ...(pending < mostPending && deltaBytes > largeDeltaBytes
      ? [
          {
            what: 'merged changes still take space',
            todo: 'end transactions that have been open for long: vacuum cannot clear behind them',
          },
        ]
      : []),
  ]
}
