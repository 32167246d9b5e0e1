// Deletes rows that were declared as expired, until none is left or time is up.
//
// Invariants: a batch is a transaction of its own under the lease, and holds few row locks for a short time; rows that
// somebody else has locked are passed over, and found by a later run; deletes go through the table that was declared,
// so its triggers fire as they do for anybody. A row that cannot be deleted (a foreign key, a trigger, a lock on what it
// would take along) keeps no other from it: the batch is halved until it stands alone, and is passed over with a warning.
// On failure: batches that were committed stay deleted, the next run goes on with the rest.

import { checkpoint } from '../../base/clock.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import { plural } from '../../base/units.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { transaction } from '../../db/transaction.ts'
import { awaitReplicas } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { Cleanup } from '../options.ts'

const timeoutMs = 10 * 60_000
/** No batch begins later than that. */
const budgetMs = 8 * 60_000
const targetMs = 500
const smallestBatchRows = 10

export function cleanupJob(cleanup: Cleanup): Job {
  return {
    name: `cleanup:${cleanup.key}`,
    purpose: `deletes rows of ${quoteQualified(cleanup.schema, cleanup.table)} that have expired`,
    schedule: { everyMs: cleanup.everyMs },
    timeoutMs,
    overlap: 'skip',
    run: (context) => deleteExpired(cleanup, context),
  }
}

async function deleteExpired(cleanup: Cleanup, context: JobContext): Promise<JobOutcome> {
  const { db, clock } = context
  const sweep: Sweep = {
    cleanup,
    context,
    untilMs: clock.monotonic() + budgetMs,
    batchRows: cleanup.batchRows,
    rows: 0,
    refused: 0,
    reason: '',
  }
  let isAll = true
  for (const leaf of await readLeaves(db, cleanup)) {
    if (!(await sweepLeaf(sweep, leaf))) isAll = false
    if (clock.monotonic() > sweep.untilMs) break
  }
  const { rows, refused, reason } = sweep
  return {
    did: rows === 0 ? '' : `${plural(rows, 'row')} deleted${isAll ? '' : '; more are left'}`,
    details: { rows, isAll },
    warnings: refused === 0 ? [] : [`${plural(refused, 'expired row')} could not be deleted: ${reason}`],
  }
}

interface Sweep {
  readonly cleanup: Cleanup
  readonly context: JobContext
  readonly untilMs: number
  batchRows: number
  rows: number
  refused: number
  /** Of the first. */
  reason: string
}

/** Of one partition: each is another search for it. */
const mostRefused = 100

/** False: more are left, that might go. */
async function sweepLeaf(sweep: Sweep, leaf: Leaf): Promise<boolean> {
  const { db, clock, random, signal } = sweep.context
  const refused: string[] = []
  for (;;) {
    checkpoint(signal)
    if (clock.monotonic() > sweep.untilMs || refused.length >= mostRefused) return false
    await awaitReplicas(db, { code: 'JOB_FAILED', ...throttle, clock, random, signal, onWait: () => undefined })
    const begunMs = clock.monotonic()
    const batch = await deleteBatch(sweep, leaf, refused)
    if ('refusedOf' in batch) {
      sweep.batchRows = Math.ceil(batch.refusedOf / 2)
      continue
    }
    if (batch.picked === 0) return true
    sweep.rows += batch.picked - batch.kept.length
    sweep.refused += batch.kept.length
    sweep.reason ||= batch.reason
    refused.push(...batch.kept)
    const tookMs = clock.monotonic() - begunMs
    if (tookMs > 2 * targetMs) sweep.batchRows = Math.max(smallestBatchRows, Math.floor(sweep.batchRows / 2))
    else if (tookMs < targetMs / 2) sweep.batchRows = Math.min(sweep.cleanup.batchRows, sweep.batchRows * 2)
  }
}

const throttle = { maxLagBytes: 64 * 1_024 ** 2, maxLagMs: 10_000, patienceMs: 5 * 60_000 }

interface Leaf {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** What its rows fulfil, in the terms of the table: by this alone the planner leaves the other partitions out. */
  readonly bounds: string | null
}

/** The table itself, or its partitions. */
async function readLeaves(on: Queryable, { schema, table }: Cleanup): Promise<readonly Leaf[]> {
  const name = quoteQualified(schema, table)
  const { rows } = await on.query<Leaf>(sql`
    select c.oid::text as oid, n.nspname::text as schema, c.relname::text as name,
      pg_get_partition_constraintdef(c.oid) as bounds
    from (
      select relid from pg_partition_tree(to_regclass(${name})) where isleaf
      union
      select to_regclass(${name})
    ) as leaves (relid)
    join pg_class c on c.oid = leaves.relid
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and (c.relkind = 'r' or c.oid <> to_regclass(${name}))
    order by c.oid`)
  if (rows.length > 0) return rows
  const found = onlyRow(await on.query<{ isThere: boolean }>(sql`select to_regclass(${name}) is not null as "isThere"`))
  // A partitioned table that has no partition yet has no rows either.
  if (found.isThere) return []
  throw new StrataError('TABLE_UNKNOWN', { message: `There is no table ${name}, whose expired rows are to go` })
}

interface Batch {
  readonly picked: number
  /** Rows that are still there. */
  readonly kept: readonly string[]
  readonly reason: string
}

/** `refusedOf`: by one row or another of so many. */
async function deleteBatch(
  sweep: Sweep,
  leaf: Leaf,
  refused: readonly string[],
): Promise<Batch | { readonly refusedOf: number }> {
  const { db, clock, random, signal } = sweep.context
  let picked: readonly string[] = []
  const work = async (tx: Session): Promise<Batch> => {
    picked = []
    picked = await pick(tx, sweep, leaf, refused)
    if (picked.length === 0) return { picked: 0, kept: [], reason: '' }
    const gone = new Set(await remove(tx, sweep.cleanup, leaf, picked))
    await sweep.context.confirm(tx)
    const kept = picked.filter((ctid) => !gone.has(ctid))
    return { picked: picked.length, kept, reason: kept.length === 0 ? '' : 'a trigger or a policy keeps it' }
  }
  try {
    return await transaction(db, work, { lockTimeoutMs: 1_000, clock, random, signal })
  } catch (error) {
    if (picked.length === 0 || !isRefusal(error)) throw error
    return picked.length > 1 ? { refusedOf: picked.length } : { picked: 1, kept: picked, reason: messageOf(error) }
  }
}

/**
 * What a row may answer to its deletion: constraints, triggers (which may raise anything), locks on rows that it would
 * take along. Not what concerns every row: privileges, a lost race, a server out of means or about to stop.
 */
function isRefusal(error: unknown): boolean {
  const state = sqlstateOf(error)
  if (state === undefined || isConnectionLost(error)) return false
  return state === sqlstate.lockNotAvailable || !/^(?:08|25|40|42|53|54|55|57|58|XX)/.test(state)
}

/** A row that another transaction changed while it was being picked is looked at again, and locked, as it is now. */
async function pick(tx: Session, sweep: Sweep, leaf: Leaf, refused: readonly string[]): Promise<readonly string[]> {
  // A comment at the end of what was declared must not swallow what follows.
  const expired = sql.raw(`(${sweep.cleanup.where}\n)`)
  const { rows } = await tx.query<{ ctid: string }>(sql`
    select ctid::text as ctid
    from only ${sql.ident(leaf.schema, leaf.name)} as ${sql.ident(sweep.cleanup.table)}
    where ${expired}
      and ${refused.length === 0 ? sql`true` : sql`ctid <> all (${[...refused]}::tid[])`}
    limit ${sweep.batchRows}
    for update skip locked`)
  return rows.map((row) => row.ctid)
}

/** By ctid, which needs no key. `tableoid` is checked too: under one parent the same ctid exists in every partition. */
async function remove(
  tx: Session,
  { schema, table }: Cleanup,
  leaf: Leaf,
  ctids: readonly string[],
): Promise<readonly string[]> {
  const bounds: Sql = leaf.bounds === null ? sql`true` : sql.raw(`(${leaf.bounds})`)
  const { rows } = await tx.query<{ ctid: string }>(sql`
    delete from ${sql.ident(schema, table)}
    where tableoid = ${leaf.oid}::oid
      and ${bounds}
      and ctid = any (${[...ctids]}::tid[])
    returning ctid::text as ctid`)
  return rows.map((row) => row.ctid)
}
