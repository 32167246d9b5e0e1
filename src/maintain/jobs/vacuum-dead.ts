// Vacuums tables whose dead rows passed autovacuum's own mark, and that autovacuum has not come to: it is busy elsewhere, was
// switched off for them, or gives way again and again.
//
// What holds: nobody waits for it (SKIP_LOCKED, and no truncating, which takes ACCESS EXCLUSIVE); it is slowed down as
// autovacuum is; what is being vacuumed is left alone.
// Bounds: five tables a run, the worst first, none begun after ten minutes, none over 50 GB: those are autovacuum's to plan.

import { checkpoint } from '../../base/clock.ts'
import type { Db, Queryable } from '../../db/db.ts'
import type { JobContext } from '../../db/job.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { vacuumGently } from './vacuum-gently.ts'

const mostTables = 5
const budgetMs = 10 * 60_000
const largestBytes = 50 * 1024 ** 3

interface DeadTable {
  readonly schema: string
  readonly name: string
  readonly dead: number
}

export interface Vacuumed {
  /** As SQL writes them. */
  readonly tables: readonly string[]
  readonly warnings: readonly string[]
}

/** Needs a connection to the server itself: settings of a session are lost behind a pooler. */
export async function vacuumDead({ db, clock, signal }: JobContext): Promise<Vacuumed> {
  const untilMs = clock.monotonic() + budgetMs
  const tables: string[] = []
  const warnings: string[] = []
  for (const table of await readDead(db)) {
    checkpoint(signal)
    if (clock.monotonic() > untilMs) break
    const name = quoteQualified(table.schema, table.name)
    const vacuums = await readVacuums(db, table)
    await vacuum(db, table)
    if ((await readVacuums(db, table)) > vacuums) tables.push(name)
    else warnings.push(`${name} has ${table.dead} dead rows and could not be vacuumed: it is in use`)
  }
  return { tables, warnings }
}

async function vacuum(db: Db, table: DeadTable): Promise<void> {
  await db.withSession(async (session) => {
    await vacuumGently(session, table, { freeze: false })
    // Counted when the session ends or is idle for a second, unless it is asked for.
    await session.query(sql`select pg_stat_force_next_flush()`)
  })
}

/** Of a table that was passed over the count stays. */
async function readVacuums(on: Queryable, { schema, name }: DeadTable): Promise<number> {
  const { rows } = await on.query<{ n: number }>(sql`
    select vacuum_count::float8 as n
    from pg_stat_all_tables
    where relid = to_regclass(${quoteQualified(schema, name)})`)
  return rows[0]?.n ?? 0
}

/** By autovacuum's own mark, with what is set for the table. */
async function readDead(on: Queryable): Promise<readonly DeadTable[]> {
  const { rows } = await on.query<DeadTable>(sql`
    with setting as (
      select c.oid, greatest(c.reltuples, 0) as tuples,
        coalesce(o.threshold, current_setting('autovacuum_vacuum_threshold')::float8) as threshold,
        coalesce(o.scale, current_setting('autovacuum_vacuum_scale_factor')::float8) as scale,
        coalesce(nullif(coalesce(o.most, current_setting('autovacuum_vacuum_max_threshold', true)::float8), -1), 'infinity') as most
      from pg_class c
      cross join lateral (
        select max(option_value::float8) filter (where option_name = 'autovacuum_vacuum_threshold') as threshold,
          max(option_value::float8) filter (where option_name = 'autovacuum_vacuum_scale_factor') as scale,
          max(option_value::float8) filter (where option_name = 'autovacuum_vacuum_max_threshold') as most
        from pg_options_to_table(c.reloptions)
      ) as o
      where c.relkind in ('r', 'm')
        and c.relpersistence <> 't'
    )
    select n.nspname::text as schema, c.relname::text as name, s.n_dead_tup::float8 as dead
    from pg_stat_all_tables s
    join setting on setting.oid = s.relid
    join pg_class c on c.oid = s.relid
    join pg_namespace n on n.oid = c.relnamespace
    where s.n_dead_tup > least(threshold + scale * tuples, most)
      and pg_has_role(c.relowner, 'usage')
      and n.nspname <> 'information_schema'
      and n.nspname !~ '^pg_'
      and c.relpages::float8 * 8192 <= ${largestBytes}::float8
      and not exists (select from pg_stat_progress_vacuum p where p.relid = c.oid)
    order by s.n_dead_tup / (tuples + 1) desc, c.oid
    limit ${mostTables}`)
  return rows
}
