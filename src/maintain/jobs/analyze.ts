// Analyses what changed much: partitioned parents, which autovacuum never analyses (PostgreSQL 18, chapter 25.1.3), and
// tables that it has not come to yet.
//
// Of a parent the server counts nothing, and a partition's count of changes since ANALYZE begins anew whenever autovacuum
// comes by. So the rows ever inserted, updated and deleted in all partitions are summed, and kept in pgstrata.table_mark,
// together with the ANALYZE they belong to. A sum that fell (a partition went, statistics were reset) counts by how much.
// Before 18, where ANALYZE of a parent analyses everything below it, what is below is not analysed once more. A table whose
// ANALYZE fails is told, and keeps no other from its own.
// Bounds: twenty tables a run; nobody is waited for longer than a second.

import { checkpoint } from '../../base/clock.ts'
import { isStrataError, messageOf } from '../../base/errors.ts'
import { plural } from '../../base/units.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { transaction } from '../../db/transaction.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { markTable } from '../marks.ts'

const mostTables = 20
const onlyParentFrom = 180_000

export function analyzeJob(): Job {
  return {
    name: 'analyze',
    purpose: 'analyses partitioned tables, and tables after bulk changes',
    schedule: { everyMs: 5 * 60_000 },
    timeoutMs: 60 * 60_000,
    overlap: 'skip',
    run: async (context): Promise<JobOutcome> => {
      const { tables, warnings } = await analyzeChanged(context)
      return {
        did: tables.length === 0 ? '' : `${plural(tables.length, 'table')} analysed`,
        details: { tables },
        warnings,
      }
    },
  }
}

interface Changed {
  readonly schema: string
  readonly name: string
  readonly isParent: boolean
  readonly changes: number
  /** Parents above it that have changed as much, as they are called in `oid`. */
  readonly above: readonly string[]
  readonly oid: string
}

export interface Analyzed {
  /** As SQL writes them. */
  readonly tables: readonly string[]
  readonly warnings: readonly string[]
}

export async function analyzeChanged(context: JobContext): Promise<Analyzed> {
  const { db, signal } = context
  const { versionNum } = onlyRow(
    await db.query<{ versionNum: number }>(sql`select current_setting('server_version_num')::int4 as "versionNum"`),
  )
  const done: string[] = []
  const warnings: string[] = []
  const analysed = new Set<string>()
  for (const changed of inOrder(await readChanged(db), versionNum)) {
    checkpoint(signal)
    const name = quoteQualified(changed.schema, changed.name)
    if (changed.above.some((oid) => analysed.has(oid))) {
      if (changed.isParent) await mark(db, changed)
      continue
    }
    try {
      await analyze(context, changed, versionNum)
      done.push(name)
      if (versionNum < onlyParentFrom) analysed.add(changed.oid)
    } catch (error) {
      if (signal.aborted || isConnectionLost(error) || isStrataError(error, 'LEASE_LOST')) throw error
      const isBusy = sqlstateOf(error) === sqlstate.lockNotAvailable
      warnings.push(
        isBusy
          ? `${name} was being worked on; it is analysed in a later run`
          : `${name} could not be analysed: ${messageOf(error)}`,
      )
    }
  }
  return { tables: done, warnings }
}

/** Parents before what is below them, where they analyse it. */
function inOrder(all: readonly Changed[], versionNum: number): readonly Changed[] {
  return versionNum >= onlyParentFrom ? all : all.toSorted((a, b) => a.above.length - b.above.length)
}

async function mark(on: Queryable, { schema, name: table, changes }: Changed): Promise<void> {
  await markTable(on, 'analyze', { schema, table, changes })
}

/** The mark holds the changes counted before ANALYZE began: what comes meanwhile belongs to the next. */
async function analyze(context: JobContext, changed: Changed, versionNum: number): Promise<void> {
  const { db, clock, random, signal } = context
  // Before 18 ANALYZE of a parent analyses all its partitions besides, whose own time is autovacuum's affair.
  const only = changed.isParent && versionNum >= onlyParentFrom ? sql.raw('only ') : sql.raw('')
  await transaction(
    db,
    async (tx) => {
      // A limit of the role's, meant for its application.
      await tx.query(sql`set local statement_timeout = 0`)
      await tx.query(sql`analyze ${only}${sql.ident(changed.schema, changed.name)}`)
      if (changed.isParent) await mark(tx, changed)
      await context.confirm(tx)
    },
    { lockTimeoutMs: 1_000, clock, random, signal },
  )
}

/**
 * By autovacuum's own threshold; those that changed most come first. Only tables that this role owns: of others ANALYZE
 * does nothing but warn.
 */
async function readChanged(on: Queryable): Promise<readonly Changed[]> {
  const { rows } = await on.query<Changed>(sql`
    with counted as (
      select s.relid, coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0) as changes, s.n_mod_since_analyze as unseen,
        greatest(c.reltuples, 0) as tuples
      from pg_stat_user_tables s
      join pg_class c on c.oid = s.relid
      where c.relkind in ('r', 'm')
        and c.relpersistence <> 't'
    ), parent as (
      select p.partrelid as relid, sum(counted.changes) as changes, sum(counted.tuples) as tuples
      from pg_partitioned_table p
      cross join lateral pg_partition_tree(p.partrelid) as tree
      join counted on counted.relid = tree.relid
      where tree.isleaf
      group by p.partrelid
    ), candidate as (
      select relid, false as is_parent, changes, unseen, tuples
      from counted
      union all
      select parent.relid, true, parent.changes, abs(parent.changes - coalesce(m.changes, 0)), parent.tuples
      from parent
      join pg_class c on c.oid = parent.relid
      join pg_namespace n on n.oid = c.relnamespace
      left join pgstrata.table_mark m
        on (m.purpose, m.schema_name, m.table_name) = ('analyze', n.nspname, c.relname)
    ), changed as (
      select *
      from candidate
      where unseen > current_setting('autovacuum_analyze_threshold')::float8
          + current_setting('autovacuum_analyze_scale_factor')::float8 * tuples
    )
    select n.nspname::text as schema, c.relname::text as name, is_parent as "isParent", changes::float8 as changes,
      c.oid::text as oid, array(
        select ancestor.relid::oid::text
        from pg_partition_ancestors(c.oid) as ancestor
        join changed parent on parent.relid = ancestor.relid and parent.is_parent
        where ancestor.relid <> c.oid
      ) as above
    from changed candidate
    join pg_class c on c.oid = candidate.relid
    join pg_namespace n on n.oid = c.relnamespace
    where pg_has_role(c.relowner, 'usage')
      and n.nspname not in ('pgstrata', 'information_schema')
      and n.nspname !~ '^pg_'
    order by unseen / (tuples + 1) desc, c.oid
    limit ${mostTables}`)
  return rows
}
