// The copying of a default partition into its stand-in, while everybody goes on writing: pages in bounded batches, then what
// the triggers noted, then a comparison. Nothing here is seen by anybody.
//
// What holds stands at the head of changes/capture/consume.ts: each transaction sees one state of the default partition and of
// the notes, behind a lock that keeps TRUNCATE and rewriting away. On failure nothing is lost but the work.

import { checkpoint, type Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import {
  consume,
  consumptionSettings,
  truncationsOf,
  wasTruncated,
  type Consumption,
} from '../changes/capture/index.ts'
import { onlyRow, type Queryable, type Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { awaitReplicas, climb, type Ladder } from '../plan/index.ts'
import { sql } from '../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { DrainSubject } from './drain-queries.ts'
import { captureOfDrain, stagingName } from './drain-staging.ts'

export interface DrainTools {
  /** Holds the lock of the table; a direct connection. */
  readonly session: Session
  readonly ladder: Ladder
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** Throws where the work is not ours any more. */
  readonly confirm: (tx: Queryable) => Promise<void>
  /** After each commit, for tests: the moments a kill may come. */
  readonly onCommit?: ((what: string) => Promise<void> | void) | undefined
}

/** The default partition is not what it was: this run gives up, the next begins again. */
export class Disturbed extends Error {}

/** About 1 MB: some milliseconds of copying. */
const pagesPerBatch = 128
const notesPerBatch = 5_000
const mostCatchUps = 1_000
const mostLagBytes = 64 * 1024 ** 2
const mostLagMs = 10_000
const patienceMs = 10 * 60_000

export async function copyInBatches(tools: DrainTools, subject: DrainSubject): Promise<void> {
  const { session, clock, random, signal } = tools
  const begun = await readFile(session, subject)
  for (let page = 0; page < begun.pages; page += pagesPerBatch) {
    checkpoint(signal)
    const throttle = { clock, random, signal, onWait: () => {} }
    await awaitReplicas(session, {
      ...throttle,
      code: 'JOB_FAILED',
      maxLagBytes: mostLagBytes,
      maxLagMs: mostLagMs,
      patienceMs,
    })
    await steadily(tools, subject, async (tx) => {
      if ((await readFile(tx, subject)).filenode !== begun.filenode) throw new Disturbed()
      await copyRows(tx, subject, { from: page, until: page + pagesPerBatch })
    })
    await tools.onCommit?.('copied')
  }
}

async function readFile(on: Queryable, { from }: DrainSubject): Promise<{ filenode: number; pages: number }> {
  const answer = await on.query<{ filenode: number; pages: number }>(sql`
    select pg_relation_filenode(${from.oid}::oid)::int8::float8 as filenode,
      (pg_relation_size(${from.oid}::oid) / current_setting('block_size')::int8)::float8 as pages`)
  return onlyRow(answer)
}

/** A row that is there already came with a note: what happened to it since is pending. */
export async function copyRows(
  tx: Queryable,
  subject: DrainSubject,
  pages: { readonly from: number; readonly until: number } | undefined,
): Promise<void> {
  const { declared, columns, from } = subject
  const list = sql.join(columns.map((column) => sql.ident(column)))
  const place = (page: number): string => `(${page},0)`
  const where =
    pages === undefined
      ? sql``
      : sql`where ctid >= ${sql.literal(place(pages.from))}::tid and ctid < ${sql.literal(place(pages.until))}::tid`
  await tx.query(sql`
    insert into ${sql.ident(declared.schema, stagingName(subject))} (${list})
    overriding system value
    select ${list}
    from only ${sql.ident(from.schema, from.name)}
    ${where}
    ${sql.raw(pages === undefined ? '' : 'on conflict do nothing')}`)
}

interface Steadiness {
  /** Nothing of it is to stay: it is rolled back, and the lease need not be ours for as long as it takes. */
  readonly dry?: boolean
}

class RolledBack extends Error {}

/** One state of the default partition, in which nobody can have truncated or rewritten it unseen. */
async function steadily<T>(
  tools: DrainTools,
  subject: DrainSubject,
  work: (tx: Session) => Promise<T>,
  { dry = false }: Steadiness = {},
): Promise<T> {
  const { session, clock, random, signal } = tools
  const { from } = subject
  let done: { readonly value: T } | undefined
  const attempt = async (tx: Session): Promise<T> => {
    await tx.query(sql.raw(`${consumptionSettings}; set local row_security = off`))
    await tx.query(sql`lock table only ${sql.ident(from.schema, from.name)} in access share mode`)
    if (!dry) await tools.confirm(tx)
    if (await wasTruncated(tx, captureOfDrain(subject))) throw new Disturbed()
    const value = await work(tx)
    if (!dry) return value
    done = { value }
    throw new RolledBack()
  }
  const options = {
    isolation: 'repeatable read',
    lockTimeoutMs: tools.ladder.rungs.at(-1)?.lockTimeoutMs ?? 1_000,
    clock,
    random,
    ...(signal === undefined ? {} : { signal }),
  } as const
  return await transaction(session, attempt, options).catch((error: unknown) => {
    if (error instanceof RolledBack && done !== undefined) return done.value
    throw error
  })
}

export function consumption(subject: DrainSubject, limit: number | undefined): Consumption {
  return {
    capture: captureOfDrain(subject),
    into: { schema: subject.declared.schema, table: stagingName(subject) },
    columns: subject.columns,
    limit,
  }
}

/** Until nothing more is pending, or as near to that as the writers let it come. */
export async function catchUp(tools: DrainTools, subject: DrainSubject): Promise<void> {
  let last = Number.POSITIVE_INFINITY
  for (let count = 0; count < mostCatchUps; count++) {
    checkpoint(tools.signal)
    const take = (limit: number | undefined): Promise<number> =>
      steadily(tools, subject, (tx) => consume(tx, consumption(subject, limit)))
    const taken = await take(notesPerBatch).catch(async (error: unknown) => {
      // A part of the changes can break a second unique key; all of them cannot.
      if (sqlstateOf(error) !== sqlstate.uniqueViolation) throw error
      return await take(undefined)
    })
    await tools.onCommit?.('caught up')
    if (taken === 0 || (taken < notesPerBatch && taken >= last)) return
    last = taken
  }
}

/**
 * Returns when nobody has a snapshot any more in which what was copied is not there yet. CREATE INDEX CONCURRENTLY waits for
 * exactly that at its end, and needs no privilege to see the others, which pg_stat_activity does.
 */
export async function awaitSnapshots(tools: DrainTools, subject: DrainSubject): Promise<void> {
  const { session } = tools
  const log = sql.raw(truncationsOf(captureOfDrain(subject)))
  const index = sql.ident('pgstrata', `${stagingName(subject)}_wait`)
  try {
    await climb(tools, async (lockTimeoutMs) => {
      await session.query(sql.raw(`set lock_timeout = '${lockTimeoutMs}ms'`))
      // One that did not wait to its end is left INVALID.
      await session.query(sql`drop index concurrently if exists ${index}`)
      await session.query(
        sql`create index concurrently ${sql.ident(`${stagingName(subject)}_wait`)} on ${log} (noted_at)`,
      )
    })
  } finally {
    await session.query(sql`reset lock_timeout`).catch(() => undefined)
  }
}

/**
 * Before anything is dropped: as many rows on both sides, and the same sum of their hashes, in one snapshot. However long that
 * takes, the lease is renewed meanwhile; what is carried over for it is carried over again afterwards.
 */
export async function verifyCopy(tools: DrainTools, subject: DrainSubject): Promise<void> {
  const { declared, from, columns } = subject
  const row = sql`row(${sql.join(columns.map((column) => sql.ident(column)))})::text`
  const compare = async (tx: Session): Promise<boolean> => {
    while ((await consume(tx, consumption(subject, undefined))) > 0);
    await tx.query(sql.raw(consumptionSettings.replaceAll('= off', 'to default')))
    const { rows } = await tx.query<{ same: boolean }>(sql`
      select count(*) = 1 as same
      from (
        select count(*), sum(hashtextextended(${row}, 0))
        from only ${sql.ident(from.schema, from.name)}
        union
        select count(*), sum(hashtextextended(${row}, 0))
        from ${sql.ident(declared.schema, stagingName(subject))}
      ) as contents`)
    return rows[0]?.same === true
  }
  if (!(await steadily(tools, subject, compare, { dry: true }))) throw new Disturbed()
  await tools.onCommit?.('compared')
}
