// Freezes partitions that are no longer written to, before autovacuum has to do it at a moment of its own choosing: its
// vacuum against wraparound begins at autovacuum_freeze_max_age and gives way to nobody.
//
// Which: leaves of tables under management whose age is over half of that, and whose counts of inserts, updates and
// deletes have stood still for a day (pgstrata.table_mark holds what they were). One that was written to in between starts
// over; reset statistics count as a write. One that was vacuumed starts over too: where an old transaction keeps its age, it
// is tried once a day. A table is as old as its TOAST table, if that is older.
// Bounds: one at a time, none is begun after half an hour; VACUUM with cost limits, without truncating (which takes
// ACCESS EXCLUSIVE), and never waiting for a lock.

import { checkpoint } from '../../base/clock.ts'
import { plural } from '../../base/units.ts'
import { onlyRow, type Db, type Queryable } from '../../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { requireDirect } from '../../db/server-facts.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { markTable } from '../marks.ts'
import { vacuumGently } from './vacuum-gently.ts'

export interface FreezeOptions {
  /** Of autovacuum_freeze_max_age. */
  readonly ageShare: number
  /** How long nothing was written to it. */
  readonly quietMs: number
}

const budgetMs = 30 * 60_000
const mostLeaves = 1_000

export function freezeJob(options: FreezeOptions = { ageShare: 0.5, quietMs: 24 * 3_600_000 }): Job {
  return {
    name: 'freeze',
    purpose: 'vacuums partitions that are no longer written to, before autovacuum must',
    schedule: { everyMs: 3_600_000 },
    timeoutMs: 6 * 3_600_000,
    overlap: 'skip',
    run: (context) => freezeCold(options, context),
  }
}

interface Leaf {
  readonly schema: string
  readonly name: string
  readonly age: number
  readonly changes: number
  /** null: seen for the first time. */
  readonly marked: number | null
  readonly isQuiet: boolean
}

async function freezeCold(options: FreezeOptions, context: JobContext): Promise<JobOutcome> {
  const { db, clock, signal } = context
  const leaves = await readOld(db, options)
  for (const leaf of leaves) {
    if (leaf.marked !== leaf.changes)
      await markTable(db, 'freeze', { schema: leaf.schema, table: leaf.name, changes: leaf.changes })
  }
  const cold = leaves.filter((leaf) => leaf.marked === leaf.changes && leaf.isQuiet)
  if (cold.length > 0) await requireDirect(db)
  const untilMs = clock.monotonic() + budgetMs
  const done: string[] = []
  const passed: string[] = []
  for (const leaf of cold) {
    checkpoint(signal)
    if (clock.monotonic() > untilMs) break
    const isFrozen = await freeze(db, leaf)
    await markTable(db, 'freeze', { schema: leaf.schema, table: leaf.name, changes: leaf.changes })
    const list = isFrozen ? done : passed
    list.push(quoteQualified(leaf.schema, leaf.name))
  }
  return {
    did: done.length === 0 ? '' : `${plural(done.length, 'partition')} frozen`,
    details: { partitions: done, left: cold.length - done.length },
    warnings: passed.map((name) => `${name} could not be frozen: it is in use, or an old transaction still needs it`),
  }
}

async function freeze(db: Db, leaf: Leaf): Promise<boolean> {
  await db.withSession((session) => vacuumGently(session, leaf, { freeze: true }))
  return (await readAge(db, leaf)) < leaf.age
}

async function readAge(on: Queryable, { schema, name }: Leaf): Promise<number> {
  return onlyRow(
    await on.query<{ age: number }>(sql`
      select coalesce(max(${ageOf(sql`c`)}), 0) as age
      from pg_class t
      join pg_class c on c.oid in (t.oid, nullif(t.reltoastrelid, 0))
      where t.oid = to_regclass(${quoteQualified(schema, name)})`),
  ).age
}

const ageOf = (relation: Sql): Sql =>
  sql`greatest(age(${relation}.relfrozenxid)::float8, mxid_age(${relation}.relminmxid)::float8)`

/** The oldest first. The age in multixacts counts as it does for autovacuum, by a limit of its own. */
async function readOld(on: Queryable, { ageShare, quietMs }: FreezeOptions): Promise<readonly Leaf[]> {
  const { rows } = await on.query<Leaf>(sql`
    select n.nspname::text as schema, c.relname::text as name,
      greatest(${ageOf(sql`c`)}, ${ageOf(sql`toast`)}) as age,
      (s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::float8 as changes, m.changes::float8 as marked,
      coalesce(m.marked_at < clock_timestamp() - ${quietMs} * interval '1 ms', false) as "isQuiet"
    from pgstrata.layout l
    cross join lateral pg_partition_tree(to_regclass(format('%I.%I', l.schema_name, l.table_name))) as tree
    join pg_class c on c.oid = tree.relid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_stat_all_tables s on s.relid = c.oid
    left join pg_class toast on toast.oid = c.reltoastrelid
    left join pgstrata.table_mark m
      on (m.purpose, m.schema_name, m.table_name) = ('freeze', n.nspname, c.relname)
    where tree.isleaf
      and c.relkind = 'r'
      and pg_has_role(c.relowner, 'usage')
      and (
        greatest(age(c.relfrozenxid), age(toast.relfrozenxid)) >= ${ageShare}::float8 * current_setting('autovacuum_freeze_max_age')::float8
        or greatest(mxid_age(c.relminmxid), mxid_age(toast.relminmxid)) >= ${ageShare}::float8 * current_setting('autovacuum_multixact_freeze_max_age')::float8
      )
    order by 3 desc, c.oid
    limit ${mostLeaves}`)
  return rows
}
