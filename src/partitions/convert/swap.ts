// The swap: one short transaction in which the new parent takes the table's place.
//
// Promise: whoever was waiting for the table finds the new one under its name, complete; nobody finds neither, or both.
// What must be true: first is locked what others lock before the table (a view that reads it), then the table, then the
// tables that refer to it, each in the order of their names; everything slow was done before. What would be slow is not
// done here: with more than a bound of notes pending, or a changed table, the transaction ends and the states go back. On
// failure nothing of it took effect.

import { StrataError } from '../../base/errors.ts'
import {
  captureStatements,
  captureTriggerPrefix,
  consumptionSettings,
  logOf,
  truncationsOf,
} from '../../changes/capture/index.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { joint, openPatience } from '../../plan/index.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate } from '../../sql/sqlstate.ts'
import { locksNeeded, notNullNeeded, statementsBeforeLock, type BoundItem } from './bound/item.ts'
import { ownPrefix } from './bound/names.ts'
import { fingerprintQuery, readFingerprint } from './fingerprint.ts'
import { startAnew } from './copy.ts'
import { requireSameTable } from './read-table.ts'
import { advance, type ConversionRecord } from './record.ts'
import { boundConstraint, isLate } from './relabel.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { readFinalItems, scriptsOf } from './scripts.ts'
import { captureOf, consumeInto, pendingAllowed, steadySnapshot, syncBatchOf } from './sync.ts'

/** Why the swap did not take place. */
class NotNow extends Error {
  readonly why: 'behind' | 'truncated' | 'late' | 'changed'

  constructor(why: NotNow['why']) {
    super(why)
    this.why = why
  }
}

/** How often the table may be changed under our eyes, between reading it and locking it. */
const mostLooks = 10

export async function swapStep(run: ConversionRun): Promise<void> {
  for (let look = 1; ; look++) {
    const fingerprint = await readFingerprint(run.session, run.record.facts.oid)
    // Behind the fingerprint: that it is unchanged under the lock says that the name is, too.
    await requireSameTable(run.session, run.record)
    if (!(await isVouched(run))) {
      await goBack(run, 'late')
      break
    }
    const items = await readFinalItems(run.session, run.record, run.parts)
    const note = await run.parts.noteLayout(run.session, run.record.declared)
    try {
      await inTransaction(run, { before: () => catchUpAtLast(run) }, (tx, lockTimeoutMs) =>
        swap(tx, run, { items, fingerprint, note, lockTimeoutMs }),
      )
      break
    } catch (error) {
      if (!(error instanceof NotNow)) throw error
      if (error.why === 'changed') {
        if (look < mostLooks) continue
        throw keepsChanging(run)
      }
      await goBack(run, error.why)
      break
    }
  }
  await refresh(run)
}

function keepsChanging({ record: { names } }: ConversionRun): StrataError {
  return new StrataError('CONVERT_FAILED', {
    message: `${quoteQualified(names.schema, names.table)}, or something bound to it, was changed between reading and locking it, ${mostLooks} times in a row`,
    advice:
      'See what alters it (comments, grants, views and indexes count), then run `pgstrata convert <table> --resume`.',
  })
}

/** Batches right before a try; writers who are faster than that have to be slowed down by somebody else. */
const mostBatches = 20
const mostBehind = 50

/** What came while the catalog was read, or during the pause behind an earlier try, need not be carried over under the lock. */
async function catchUpAtLast(run: ConversionRun): Promise<void> {
  if (run.record.method !== 'copy') return
  await cleanLog(run)
  for (let batch = 0; batch < mostBatches; batch++) {
    const { taken, truncated, isAll } = await syncBatchOf(run)
    if (truncated || (isAll && taken <= pendingAllowed(run))) return
  }
}

const cleanFromBytes = 8 * 1_024 ** 2

/** Whoever counts what is pending, under the lock too, reads all notes that were ever taken and not yet vacuumed away. */
async function cleanLog({ session, record }: ConversionRun): Promise<void> {
  const log = logOf(captureOf(record))
  const { bytes } = onlyRow(
    await session.query<{ bytes: number }>(sql`select pg_relation_size(${log})::float8 as bytes`),
  )
  if (bytes >= cleanFromBytes) await session.query(sql.raw(`vacuum (skip_locked) ${log}`))
}

async function goBack(run: ConversionRun, why: 'behind' | 'truncated' | 'late'): Promise<void> {
  if (why === 'truncated') {
    await inTransaction(run, steadySnapshot(run.record), (tx) => startAnew(tx, run, 'truncated'))
    return
  }
  if (why === 'behind' && ++run.behind.times === mostBehind) {
    throw new StrataError('CONVERT_FAILED', {
      message: `Changes of ${quoteQualified(run.record.names.schema, run.record.names.table)} come faster than they can be carried over`,
      expected: `at most ${pendingAllowed(run)} pending when the table is locked`,
      advice: 'Run `pgstrata convert <table> --resume` when less is written to it.',
    })
  }
  await inTransaction(run, {}, (tx) => advance(tx, run.record, why))
}

/** Without its validated check ATTACH would read the whole table under the lock: then it is checked again first. */
async function isVouched({ session, record }: ConversionRun): Promise<boolean> {
  if (record.method === 'copy') return true
  const { rowCount } = await session.query(sql`
    select
    from pg_constraint
    where conrelid = ${record.facts.oid}::int8::oid
      and conname = ${boundConstraint(record)}
      and convalidated`)
  return rowCount > 0
}

interface Seen {
  readonly items: readonly BoundItem[]
  readonly fingerprint: string
  /** Notes the layout. */
  readonly note: string
  readonly lockTimeoutMs: number
}

async function swap(tx: Session, run: ConversionRun, seen: Seen): Promise<void> {
  const { record } = run
  const { items, fingerprint, note, lockTimeoutMs } = seen
  const { schema, table } = record.names
  const patience = openPatience(tx, run.clock, lockTimeoutMs)
  const locks = [
    ...statementsBeforeLock(items),
    `lock table only ${quoteQualified(schema, table)} in access exclusive mode`,
    ...locksNeeded(items).map((other) => `lock table ${other} in access exclusive mode`),
  ]
  for (const [index, lock] of locks.entries()) {
    if (index > 0) await patience.share()
    await tx.query(sql.raw(lock))
  }
  const middle = record.method === 'copy' ? await finishCopy(tx, run, fingerprint) : await placeOld(tx, record, seen)
  const scripts = scriptsOf(items)
  await tx.query(sql.raw([...scripts.release, ...middle, ...scripts.adopt].join(joint)))
  await advance(tx, record, 'completed', { scripts: { ...scripts, settle: [...scripts.settle, note] } })
}

interface Found {
  readonly fingerprint: string
  readonly pending: number
  readonly truncated: boolean
  readonly watched: boolean
  /** Triggers of the capture that fire for everybody. */
  readonly triggers: number
}

/**
 * The last changes, under a lock behind which no others come. Everything is asked at once, for each question more is
 * time that all the others wait.
 *
 * `watched`: a transaction in REPEATABLE READ that has not touched the table yet would look for rows of the copy that are
 * younger than its snapshot, and not find them. It is let through first, as one that holds a lock is.
 *
 * `triggers`: DISABLE TRIGGER ALL and ENABLE TRIGGER ALL leave them as they are not installed, and changes unnoted.
 */
async function finishCopy(tx: Session, run: ConversionRun, fingerprint: string): Promise<readonly string[]> {
  const { record } = run
  const allowed = pendingAllowed(run)
  const capture = captureOf(record)
  const found = onlyRow(
    await tx.query<Found>(sql`
      select (${fingerprintQuery(record.facts.oid)}) as fingerprint,
        (
          select count(*)::int4
          from (select from ${sql.raw(logOf(capture))} limit ${allowed + 1}) as pending
        ) as pending,
        exists (select from ${sql.raw(truncationsOf(capture))}) as truncated,
        exists (
          select
          from pg_stat_activity
          where datname = current_database()
            and pid <> pg_backend_pid()
            and backend_xmin is not null
            and state like 'idle in transaction%'
        ) as watched,
        (
          select count(*)::int4
          from pg_trigger
          where tgrelid = ${record.facts.oid}::int8::oid
            and starts_with(tgname::text, ${`${captureTriggerPrefix}${record.id}_`})
            and tgenabled = 'A'
        ) as triggers`),
  )
  if (found.fingerprint !== fingerprint) throw new NotNow('changed')
  if (found.pending > allowed) throw new NotNow('behind')
  if (found.truncated) throw new NotNow('truncated')
  if (found.triggers < captureStatements(capture).uninstall.length) {
    throw new StrataError('CONVERT_FAILED', {
      message: `The triggers that note changes of ${quoteQualified(record.names.schema, record.names.table)} were switched off or dropped meanwhile`,
      advice: 'Changes may be missing in the copy. Run `pgstrata convert <table> --abort`, and begin again.',
    })
  }
  if (found.watched) {
    throw Object.assign(new Error('A transaction with an older snapshot is open'), { code: sqlstate.lockNotAvailable })
  }
  if (found.pending > 0) {
    await tx.query(sql.raw(`${consumptionSettings}; set local row_security = off`))
    await consumeInto(tx, record, undefined)
  }
  return [...captureStatements(capture).uninstall, ...ownChecksGone(record), ...exchange(record)]
}

/** Nothing is read: the validated constraint says what ATTACH and SET NOT NULL would look for. */
async function placeOld(
  tx: Session,
  record: ConversionRecord,
  { items, fingerprint }: Seen,
): Promise<readonly string[]> {
  if ((await readFingerprint(tx, record.facts.oid)) !== fingerprint) throw new NotNow('changed')
  if (await isLate(tx, record, { roomMs: 0 })) throw new NotNow('late')
  const { schema, table, retired } = record.names
  const old = quoteQualified(schema, retired)
  return [
    ...exchange(record),
    ...notNullNeeded(items).map((column) => `alter table ${old} alter column ${column} set not null`),
    `alter table ${quoteQualified(schema, table)} attach partition ${old} for values from (minvalue) to (${record.until ?? ''})`,
    `alter table ${old} drop constraint ${quoteIdent(boundConstraint(record))}`,
  ]
}

function exchange({ names }: ConversionRecord): readonly string[] {
  return [
    `alter table ${quoteQualified(names.schema, names.table)} rename to ${quoteIdent(names.retired)}`,
    `alter table ${quoteQualified(names.schema, names.incoming)} rename to ${quoteIdent(names.table)}`,
  ]
}

function ownChecksGone({ names, facts, id }: ConversionRecord): readonly string[] {
  if (facts.nullable.length === 0) return []
  return [
    `alter table ${quoteQualified(names.schema, names.table)} drop constraint if exists ${quoteIdent(notNullConstraint(id))}`,
  ]
}

export function notNullConstraint(id: string): string {
  return `${ownPrefix}${id}_not_null`
}
