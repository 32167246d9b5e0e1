// Mends indexes, CONCURRENTLY: drops what a failed REINDEX CONCURRENTLY left, rebuilds what a failed CREATE INDEX
// CONCURRENTLY left INVALID, and rebuilds the B-tree that wastes most.
//
// Invariants: an INVALID index is touched only while nobody builds on its table, which shows in that SHARE UPDATE EXCLUSIVE
// is to be had at once; at most one index is rebuilt in a run; what a rebuild that failed leaves is dropped, by this run or
// the next. One that failed is not tried again for a day: a unique index whose rows are not unique fails every time. One that
// was rebuilt for its waste is left alone for a week: where the estimate errs, it errs at each look.
// All tables that this role owns are looked after, managed or not, except those of system schemas.

import { checkpoint } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { formatSize, plural } from '../../base/units.ts'
import { type Db, type Queryable } from '../../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { requireDirect } from '../../db/server-facts.ts'
import { rollback } from '../../db/transaction.ts'
import { prepareSession } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { markTable } from '../marks.ts'
import { readBloated, type BloatOptions } from './bloat.ts'

const mostDropped = 20
/** For another's transaction, which CONCURRENTLY waits for; it blocks nobody meanwhile. */
const lockTimeout = '10min'

export function reindexJob(options: BloatOptions = { minSizeBytes: 64 * 1_024 ** 2, wastedShare: 0.5 }): Job {
  return {
    name: 'reindex',
    purpose: 'rebuilds invalid and bloated indexes',
    schedule: { everyMs: 3_600_000 },
    timeoutMs: 6 * 3_600_000,
    overlap: 'skip',
    run: (context) => mendIndexes(options, context),
  }
}

interface Index {
  readonly schema: string
  readonly name: string
  readonly tableSchema: string
  readonly table: string
}

async function mendIndexes(options: BloatOptions, context: JobContext): Promise<JobOutcome> {
  const { db } = context
  const { dropped, warnings } = await dropLeftovers(context)
  const invalid = await firstIdle(db, await readInvalid(db))
  const [bloated] = invalid === undefined ? await readBloated(db, options) : []
  const target = invalid ?? bloated
  const said = dropped.length === 0 ? [] : [`${plural(dropped.length, 'leftover')} dropped`]
  if (target === undefined) return { did: said.join(', '), details: { dropped }, warnings }
  const name = quoteQualified(target.schema, target.name)
  const failure = await rebuild(context, target)
  if (failure !== undefined) {
    const left = await dropLeftovers(context)
    dropped.push(...left.dropped)
    warnings.push(`${name} could not be rebuilt: ${failure}`, ...left.warnings)
    return { did: said.join(', '), details: { dropped }, warnings }
  }
  if (bloated !== undefined) await markTable(db, 'reindex', { schema: target.schema, table: target.name, changes: 0 })
  const why = bloated === undefined ? 'it was invalid' : `about ${formatSize(bloated.wastedBytes)} were wasted`
  return { did: [...said, `${name} rebuilt (${why})`].join(', '), details: { dropped, rebuilt: name }, warnings }
}

async function rebuild(context: JobContext, index: Index): Promise<string | undefined> {
  const { db, signal } = context
  checkpoint(signal)
  await requireDirect(db)
  try {
    await outside(db, sql`reindex index concurrently ${sql.ident(index.schema, index.name)}`)
    return undefined
  } catch (error) {
    if (signal.aborted || isConnectionLost(error)) throw error
    await markTable(db, 'reindex', { schema: index.schema, table: index.name, changes: 0 })
    return messageOf(error)
  }
}

/** One that cannot be dropped (a partition's index that its parent's needs) is left alone for a day, too. */
async function dropLeftovers({ db, signal }: JobContext): Promise<{ dropped: string[]; warnings: string[] }> {
  const dropped: string[] = []
  const warnings: string[] = []
  for (const index of await readLeftovers(db)) {
    checkpoint(signal)
    if (!(await isIdle(db, index))) continue
    await requireDirect(db)
    const name = quoteQualified(index.schema, index.name)
    try {
      await outside(db, sql`drop index concurrently if exists ${sql.ident(index.schema, index.name)}`)
      dropped.push(name)
    } catch (error) {
      if (signal.aborted || isConnectionLost(error)) throw error
      await markTable(db, 'reindex', { schema: index.schema, table: index.name, changes: 0 })
      warnings.push(`${name} could not be dropped: ${messageOf(error)}`)
    }
  }
  return { dropped, warnings }
}

async function outside(db: Db, statement: Sql): Promise<void> {
  await db.withSession(async (session) => {
    await prepareSession(session)
    await session.query(sql.raw(`set lock_timeout = '${lockTimeout}'`))
    await session.query(statement)
  })
}

async function firstIdle(db: Db, indexes: readonly Index[]): Promise<Index | undefined> {
  for (const index of indexes) if (await isIdle(db, index)) return index
  return undefined
}

/** Builds of other roles do not show in pg_stat_progress_create_index, but each of them holds this lock. */
async function isIdle(db: Db, { tableSchema, table }: Index): Promise<boolean> {
  return await db.withSession(async (session) => {
    await session.query(sql`begin`)
    try {
      await session.query(sql`lock table ${sql.ident(tableSchema, table)} in share update exclusive mode nowait`)
      return true
    } catch (error) {
      if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
      return false
    } finally {
      await rollback(session)
    }
  })
}

/** '…_ccnew' and '…_ccold', as the server calls them (15 to 18, §REINDEX). */
const isLeftover: Sql = sql`c.relname ~ '_cc(new|old)[0-9]*$'`

async function readLeftovers(on: Queryable): Promise<readonly Index[]> {
  return await readInvalidWhere(on, sql`${isLeftover} limit ${mostDropped}`)
}

async function readInvalid(on: Queryable): Promise<readonly Index[]> {
  return await readInvalidWhere(on, sql`not ${isLeftover}`)
}

/** A parent's index is invalid until each partition has its own: that is no failure, and REINDEX would not mend it. */
async function readInvalidWhere(on: Queryable, condition: Sql): Promise<readonly Index[]> {
  const { rows } = await on.query<Index>(sql`
    select n.nspname::text as schema, c.relname::text as name, tn.nspname::text as "tableSchema",
      t.relname::text as "table"
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_class t on t.oid = i.indrelid
    join pg_namespace tn on tn.oid = t.relnamespace
    where not i.indisvalid
      and c.relkind = 'i'
      and t.relpersistence <> 't'
      and pg_has_role(c.relowner, 'usage')
      and n.nspname !~ '^pg_'
      and not exists (
        select from pgstrata.table_mark m
        where (m.purpose, m.schema_name, m.table_name) = ('reindex', n.nspname, c.relname)
          and m.marked_at > clock_timestamp() - interval '1 day'
      )
      and not exists (select from pg_stat_progress_create_index p where p.relid = i.indrelid)
      and ${condition}`)
  return rows
}
