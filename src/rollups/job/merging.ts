// pgstrata.rollup_merging: how the job that merges gets on with each rollup. Written apart from merges, which a row that changes
// under them would undo.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

export interface Merging {
  readonly name: string
  /** What was committed by then is merged, or was counted when it was filled; null: it never was. */
  readonly lagMs: number | null
  /** In a row, the last of them `triedAgoMs` ago. */
  readonly failures: number
  readonly failingSince: Date | null
  readonly triedAgoMs: number | null
  readonly lastError: string | null
  readonly todo: string | null
}

export interface FailedMerge {
  readonly error: string
  /** What a person can do. */
  readonly todo: string
}

/** Undefined where the schema is from before the table. */
export async function readMerging(on: Queryable): Promise<ReadonlyMap<string, Merging> | undefined> {
  const present = await on.query(sql`select where to_regclass('pgstrata.rollup_merging') is not null`)
  if (present.rowCount === 0) return undefined
  const { rows } = await on.query<Merging>(sql`
    select r.name, coalesce(m.failures, 0) as failures, m.failing_since as "failingSince", m.last_error as "lastError", m.todo,
      (1000 * extract(epoch from clock_timestamp() - m.tried_at))::float8 as "triedAgoMs",
      (1000 * extract(epoch from clock_timestamp() - greatest(r.merged_at, r.filled_at, m.seen_at)))::float8 as "lagMs"
    from pgstrata.rollup r
    left join pgstrata.rollup_merging m using (name)`)
  return new Map(rows.map((row) => [row.name, row]))
}

export async function noteSeen(on: Queryable, name: string): Promise<void> {
  await on.query(sql`
    insert into pgstrata.rollup_merging (name, seen_at, tried_at)
    select name, clock_timestamp(), clock_timestamp()
    from pgstrata.rollup
    where name = ${name}
    on conflict (name)
    do update set seen_at = excluded.seen_at, tried_at = excluded.tried_at, failures = 0, failing_since = null, last_error = null, todo = null`)
}

export async function noteFailure(on: Queryable, name: string, { error, todo }: FailedMerge): Promise<void> {
  await on.query(sql`
    insert into pgstrata.rollup_merging as m (name, failures, failing_since, tried_at, last_error, todo)
    select name, 1, clock_timestamp(), clock_timestamp(), ${error}::text, ${todo}::text
    from pgstrata.rollup
    where name = ${name}
    on conflict (name)
    do update set failures = m.failures + 1, failing_since = coalesce(m.failing_since, excluded.failing_since),
      tried_at = excluded.tried_at, last_error = excluded.last_error, todo = excluded.todo`)
}
